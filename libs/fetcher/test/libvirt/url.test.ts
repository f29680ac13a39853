import { LibvirtSession } from '@vedette/libvirt';
import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { expect, it } from 'vitest';
import { libvirtSchemes, parseLibvirtUrl } from '../../src/drivers/libvirt/url.ts';

it.each([
  ['libvirt:///system', { uri: 'qemu:///system', socketPath: undefined, readOnly: false }],
  ['libvirt:///system?readonly=1', { uri: 'qemu:///system?readonly=1', socketPath: undefined, readOnly: true }],
  [
    'libvirt:///system?socket=/run/a%20b&readonly=0',
    { uri: 'qemu:///system?socket=/run/a%20b&readonly=0', socketPath: '/run/a b', readOnly: false },
  ],
  ['libvirt:///default?driver=test', { uri: 'test:///default', socketPath: undefined, readOnly: false }],
  ['test:///default', { uri: 'test:///default', socketPath: undefined, readOnly: false }],
  ['qemu:///system', { uri: 'qemu:///system', socketPath: undefined, readOnly: false }],
  ['libvirt://kvm1/system', { uri: 'qemu://kvm1/system', socketPath: undefined, readOnly: false }],
  ['libvirt+tls://kvm1/system', { uri: 'qemu+tls://kvm1/system', socketPath: undefined, readOnly: false }],
  [
    'qemu+ssh://vedette@kvm1/system?readonly=1&socket=/run/s',
    { uri: 'qemu+ssh://vedette@kvm1/system?readonly=1&socket=/run/s', socketPath: undefined, readOnly: true },
  ],
] as const)('%s is read', (url, expected) => {
  expect(parseLibvirtUrl(url)).toMatchObject(expected);
});

it('what a session needs is in one piece', () => {
  expect(parseLibvirtUrl('libvirt+ssh://u@kvm1/system?readonly=1').connect).toEqual({
    uri: 'qemu+ssh://u@kvm1/system?readonly=1',
    readOnly: true,
  });
});

it('every scheme has addresses that a session takes', async () => {
  expect(libvirtSchemes).toContain('libvirt');
  expect(libvirtSchemes).toContain('qemu+tls');
  for (const scheme of libvirtSchemes) {
    const host = scheme.includes('+') && !scheme.endsWith('+unix') ? 'kvm1' : '';
    const insecure = scheme.endsWith('+tcp') ? '?insecure=1' : '';
    const { connect } = parseLibvirtUrl(`${scheme}://${host}/system${insecure}`);
    const dial = (): Promise<never> => Promise.reject(new Error('not here'));
    await using _session = new LibvirtSession({ clock: new SimulatedClock(), ...connect, dial });
  }
});

it.each([
  ['', 'is not a libvirt URL'],
  ['vdsm://host/', 'is not a libvirt URL'],
  ['qemu+libssh2://host/system', 'is not a libvirt URL'],
  ['libvirt:///', 'names no libvirt instance'],
  ['libvirt:///system#x', 'which means nothing'],
  ['libvirt:///system?socket=run', 'names socket without its whole path'],
  ['libvirt:///system?readonly=true', 'says readonly=true; it can be 0, 1'],
  ['libvirt:///system?driver=../x', 'names no libvirt driver'],
  ['libvirt:///system?keyfile=/x', 'has the unknown parameter keyfile; those of unix are socket, mode, readonly'],
  ['libvirt+tcp://host/system', 'accept it with insecure=1'],
  ['libvirt+tls://host/system?no_verify=1', 'hosts are always verified'],
])('%s is refused: it %s; the message shows it as it was written and names the forms that are known', (url, why) => {
  const written = JSON.stringify(url).replaceAll(/[/+?.]/g, '\\$&');
  const message = expect.stringMatching(new RegExp(`^${written} .*${why.replaceAll('?', '\\?')}.*libvirt:///system`));
  expect(() => parseLibvirtUrl(url)).toThrow(expect.objectContaining({ code: 'VDT_FETCHER_URL', message }));
});

it('a password is refused and not repeated', () => {
  for (const url of [
    'qemu+ssh://u:hunter2@host/system',
    'vdsm://u:hunter2@host/',
    'libvirt+tls://u:hunter2@h/system',
  ]) {
    const said = (): string => {
      try {
        parseLibvirtUrl(url);
        return 'it is taken';
      } catch (error) {
        return `${(error as Error).message} ${String((error as Error).cause)}`;
      }
    };
    expect(said()).toContain(url.startsWith('vdsm') ? 'is not a libvirt URL' : 'has a password');
    expect(said()).not.toContain('hunter2');
  }
});

it('pools and networks that must be up are ours to read, and not a part of the address', () => {
  const url = parseLibvirtUrl('qemu+tls://kvm1/system?pool=default&pool=fast%20one&network=lan&readonly=1');
  expect(url).toMatchObject({ requiredPools: ['default', 'fast one'], requiredNetworks: ['lan'], readOnly: true });
  expect(url.uri).toBe('qemu+tls://kvm1/system?readonly=1');
  expect(parseLibvirtUrl('qemu:///system')).toMatchObject({ requiredPools: [], requiredNetworks: [] });
  expect(() => parseLibvirtUrl('qemu:///system?pool=')).toThrow(/without a name/);
});
