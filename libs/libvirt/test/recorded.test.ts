/** What a real libvirtd said (record-fixtures.ts), decoded, against what virsh said of the same. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseDomainXml } from '@vedette/libvirt';
import { describe, expect, it } from 'vitest';
import type { Domain } from '../src/domain.ts';
import { decodeEvent } from '../src/events.ts';
import * as procedures from '../src/procedures.ts';
import { decodeRemoteError } from '../src/remote-error.ts';
import type { TypedParams } from '../src/typed-params.ts';
import { XdrDecoder } from '../src/xdr.ts';

interface Fixture {
  readonly full: Domain;
  readonly recorded: Readonly<Record<string, { readonly reply: string; readonly oracle: string }>>;
}

const folder = join(import.meta.dirname, 'fixtures');

describe.each(readdirSync(folder))('%s', (file) => {
  const { full, recorded } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Fixture;
  const oracle = (name: string): string => recorded[name]?.oracle ?? '';

  function decoded<Result>(name: string, decode: (decoder: XdrDecoder) => Result): Result {
    const decoder = new XdrDecoder(Buffer.from(recorded[name]?.reply ?? '', 'hex'));
    const result = decode(decoder);
    decoder.end();
    return result;
  }

  it('the list has the names and UUIDs of virsh list', () => {
    const domains = decoded('list', procedures.listAllDomains.decode);
    const lines = domains.map(({ uuid, name }) => `${uuid} ${name}`).sort();
    expect(lines).toEqual(oracle('list').split('\n').sort());
    expect(domains).toContainEqual(full);
  });

  it('the state is that of virsh domstate', () => {
    expect(oracle('state')).toBe('paused (user)');
    expect(decoded('state', procedures.domainGetState.decode)).toEqual({ state: 3, reason: 1 });
  });

  it('the statistics are those of virsh domstats, every one', () => {
    const [stats] = decoded('stats', procedures.getAllDomainStats.decode);
    expect(stats?.domain).toEqual(full);
    const lines = [...(stats?.params ?? [])].map(([name, value]) => `  ${name}=${value}`);
    // The host goes on while the guest is paused: what counts the QEMU process may differ by what passed in between.
    const still = (line: string): boolean => !/^ {2}(cpu\.|balloon\.rss|vcpu\.0\.(time|delay))/.test(line);
    expect(lines.filter(still)).toEqual(oracle('stats').split('\n').slice(1).filter(still));
    expect(lines).toHaveLength(oracle('stats').split('\n').length - 1);
  });

  it('the definition is that of virsh dumpxml, and is read', () => {
    const xml = decoded('xml', procedures.domainGetXml.decode);
    expect(xml.trim()).toBe(oracle('xml'));
    expect(parseDomainXml(xml)).toMatchObject({
      name: 'full',
      uuid: full.uuid,
      type: 'qemu',
      vcpus: { current: 1, maximum: 1 },
      memoryKiB: 96 * 1024,
      os: { type: 'hvm', arch: 'x86_64', boot: ['hd'] },
      acpi: true,
      interfaces: [{ type: 'network', source: 'default', target: 'vnet0', model: 'virtio' }],
      graphics: [{ type: 'vnc', port: 5900, listen: '127.0.0.1' }],
      disks: [{ device: 'disk', target: 'vda', bus: 'virtio' }],
      hasAgentChannel: true,
    });
  });

  it.each(['lease', 'agent'])('the addresses of source %s are those of virsh domifaddr', (source) => {
    const interfaces = decoded(source, procedures.domainInterfaceAddresses.decode);
    const lines = interfaces.flatMap(({ name, mac, addresses }) =>
      addresses.map(({ family, address, prefixLength }) => `${name} ${mac} ${family} ${address}/${prefixLength}`),
    );
    expect(lines).toEqual(
      oracle(source)
        .split('\n')
        .map((line) => line.trim().replaceAll(/ +/g, ' ')),
    );
  });

  it('what the guest agent tells is that of virsh guestinfo', () => {
    const info = decoded('guest info', procedures.domainGetGuestInfo.decode);
    const lines = oracle('guest info')
      .split('\n')
      .map((line) => line.split(/\s*: /) as [string, string]);
    expect(textOf(info)).toEqual(new Map(lines));
  });

  it('the machine is that of virsh nodeinfo', () => {
    const { cpuModel, cpus, mhz, memoryKiB } = decoded('node info', procedures.nodeGetInfo.decode);
    for (const text of [cpuModel, String(cpus), `${mhz} MHz`, `${memoryKiB} KiB`])
      expect(oracle('node info')).toContain(text);
  });

  it('an error is read with its code and words', () => {
    const error = decoded('no domain', decodeRemoteError);
    expect(error).toMatchObject({
      code: 42,
      domain: 10,
      level: 2,
      message: expect.stringContaining('Domain not found'),
    });
  });

  it('events are read', () => {
    const event = (procedure: number): unknown => decoded(`event ${procedure}`, (it) => decodeEvent(procedure, it));
    expect(event(318)).toMatchObject({ type: 'lifecycle', domain: { name: 'bios' }, event: 3, detail: 0 });
    expect(event(319)).toMatchObject({ type: 'reboot', domain: { name: 'bios' } });
    expect(event(348)).toMatchObject({ type: 'agent', domain: { name: 'full', uuid: full.uuid } });
  });

  it('D1: a recorded message cut short anywhere is a protocol error', () => {
    const bytes = Buffer.from(recorded.stats?.reply ?? '', 'hex');
    for (let length = 0; length < bytes.length; length += 4) {
      const decode = (): unknown => procedures.getAllDomainStats.decode(new XdrDecoder(bytes.subarray(0, length)));
      expect(decode).toThrow(expect.objectContaining({ code: 'VDT_LIBVIRT_PROTOCOL' }));
    }
  });
});

function textOf(params: TypedParams): ReadonlyMap<string, string> {
  return new Map([...params].map(([name, value]) => [name, String(value)]));
}
