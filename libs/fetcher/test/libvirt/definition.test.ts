import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { readDefinition } from '../../src/drivers/libvirt/definition.ts';

/** A running guest with VNC, a CD and a guest agent, as libvirtd 9.0 writes it; `LIVE` only what the running one adds. */
const template = readFileSync(new URL('./fixtures/domain.xml', import.meta.url), 'utf8');

interface Running {
  readonly id?: number;
  readonly currentKiB?: number;
  readonly port?: number;
  readonly label?: string;
  readonly password?: string;
}

function live(options: Running = {}): string {
  const { id = 7, currentKiB = 98_304, port = 5901, label = '+0:+0', password = 'hunter2' } = options;
  return template
    .replaceAll('@ID@', ` id='${id}'`)
    .replaceAll('@CURRENT@', String(currentKiB))
    .replaceAll('@PORT@', String(port))
    .replaceAll('@PASSWORD@', password)
    .replaceAll('@LIVE@', `<alias name='net0'/>`)
    .replaceAll('@LABEL@', `<seclabel type='dynamic' model='dac'><label>${label}</label></seclabel>`);
}

function inactive(options: Running = {}): string {
  const { currentKiB = 98_304, password = 'hunter2' } = options;
  return template
    .replaceAll('@ID@', '')
    .replaceAll('@CURRENT@', String(currentKiB))
    .replaceAll('@PORT@', '-1')
    .replaceAll('@PASSWORD@', password)
    .replaceAll('@LIVE@', '')
    .replaceAll('@LABEL@', '');
}

it('the info section says how the domain runs', () => {
  expect(readDefinition(live(), inactive()).info).toEqual({
    name: 'linux & more',
    vcpus: 1,
    memoryMiB: 96,
    vmType: 'qemu',
    kvmEnable: false,
    acpiEnable: true,
    displayType: 'vnc',
    displayPort: 5901,
    displayIp: '127.0.0.1',
    cdrom: '/images/tools.iso',
    boot: 'hd,cdrom',
  });
});

it('a domain that is off has no display port', () => {
  expect(readDefinition(inactive(), inactive()).info).not.toHaveProperty('displayPort');
});

it('the config section carries no secret', () => {
  const text = JSON.stringify(readDefinition(live(), inactive()));
  expect(text).not.toContain('hunter2');
  expect(text).toContain('52:54:00:aa:bb:cc');
});

it('neither ballooning nor a restart changes the config section, and ballooning not the info section either', () => {
  const before = readDefinition(live(), inactive());
  const ballooned = readDefinition(live({ currentKiB: 65_536 }), inactive({ currentKiB: 65_536 }));
  expect([ballooned.infoHash, ballooned.configHash]).toEqual([before.infoHash, before.configHash]);
  const restarted = readDefinition(live({ id: 8, port: 5907, label: '+1:+1' }), inactive());
  expect(restarted.configHash).toBe(before.configHash);
  expect(restarted.infoHash).not.toBe(before.infoHash);
  const off = readDefinition(inactive(), inactive());
  expect(off.configHash).toBe(before.configHash);
});

it('a change of what the domain is changes the config section', () => {
  const changed = inactive().replace('52:54:00:aa:bb:cc', '52:54:00:aa:bb:cd');
  expect(readDefinition(live(), changed).configHash).not.toBe(readDefinition(live(), inactive()).configHash);
});

it('knows from where addresses can be had', () => {
  expect(readDefinition(live(), inactive())).toMatchObject({ hasAgentChannel: true, onLibvirtNetwork: true });
  const bridged = live().replace("type='network'", "type='bridge'").replace('org.qemu.guest_agent.0', 'other.0');
  expect(readDefinition(bridged, inactive())).toMatchObject({ hasAgentChannel: false, onLibvirtNetwork: false });
});

it.each(['', '<domain>', '<network/>', '<domain/>', '<!DOCTYPE x><domain/>'])('D1: %j is refused', (xml) => {
  expect(() => readDefinition(xml, inactive())).toThrow(expect.objectContaining({ code: 'VDT_LIBVIRT_XML' }));
  expect(() => readDefinition(live(), xml === '<domain/>' || xml === '<network/>' ? '<a' : xml)).toThrow(
    expect.objectContaining({ code: 'VDT_LIBVIRT_XML' }),
  );
});
