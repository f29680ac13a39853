import { parseLibvirtUri } from '@vedette/libvirt';
import fc from 'fast-check';
import { expect, it } from 'vitest';

const direct = '/run/libvirt/virtqemud-sock';
const legacy = '/run/libvirt/libvirt-sock';

it.each([
  ['qemu:///system', [direct, legacy]],
  ['qemu:///system?mode=legacy', [legacy]],
  ['qemu+unix:///system?mode=direct', [direct]],
  ['qemu:///system?readonly=1', [`${direct}-ro`, `${legacy}-ro`]],
  ['test+unix:///default?socket=/tmp/a%20b', ['/tmp/a b']],
  ['qemu:///session?socket=/run/user/1000/libvirt/libvirt-sock', ['/run/user/1000/libvirt/libvirt-sock']],
])('%s: its sockets, in the order of libvirt itself: the one-driver daemon before libvirtd', (uri, socketPaths) => {
  expect(parseLibvirtUri(uri).transport).toEqual({ kind: 'unix', socketPaths });
});

it('the driver, and whether only to read, are apart from the way there', () => {
  expect(parseLibvirtUri('qemu+tls://kvm1/system?readonly=1')).toMatchObject({
    driverUri: 'qemu:///system',
    readOnly: true,
  });
  expect(parseLibvirtUri('test:///default')).toMatchObject({ driverUri: 'test:///default', readOnly: false });
  expect(parseLibvirtUri('test:///tmp/fleet-400.xml')).toMatchObject({ driverUri: 'test:///tmp/fleet-400.xml' });
  const sockets = parseLibvirtUri('qemu:///system', true);
  expect(sockets).toMatchObject({ readOnly: true, transport: { socketPaths: [`${direct}-ro`, `${legacy}-ro`] } });
});

const noFiles = { pkiPath: undefined, caFile: undefined, certificateFile: undefined, keyFile: undefined };

it.each([
  ['qemu+tls://kvm1.example.org/system', { host: 'kvm1.example.org', port: 16_514, ...noFiles }],
  ['qemu://kvm1/system', { host: 'kvm1', port: 16_514, ...noFiles }],
  ['qemu+tls://[fd00::1]:1234/system', { host: 'fd00::1', port: 1_234, ...noFiles }],
  ['qemu+tls://kvm1/system?pkipath=/etc/v', { host: 'kvm1', port: 16_514, ...noFiles, pkiPath: '/etc/v' }],
  [
    'qemu+tls://kvm1/system?cacert=/a&clientcert=/b&clientkey=/c',
    { host: 'kvm1', port: 16_514, pkiPath: undefined, caFile: '/a', certificateFile: '/b', keyFile: '/c' },
  ],
])('%s is TLS; so is a host without a transport, as in libvirt', (uri, transport) => {
  expect(parseLibvirtUri(uri).transport).toEqual({ kind: 'tls', ...transport });
});

it.each([
  ['qemu+ssh://kvm1/system', { host: 'kvm1', proxy: 'auto', socketPaths: [direct, legacy] }],
  [
    'qemu+ssh://vedette@kvm1:2222/system?keyfile=/k&known_hosts=/h&proxy=native&readonly=1',
    { host: 'kvm1', port: 2_222, user: 'vedette', keyFile: '/k', knownHostsFile: '/h', proxy: 'native' },
  ],
  ['qemu+ssh://kvm1/system?socket=/s', { proxy: 'netcat', socketPaths: ['/s'] }], // the helper takes no socket
])('%s is ssh', (uri, transport) => {
  expect(parseLibvirtUri(uri).transport).toMatchObject({ kind: 'ssh', ...transport });
});

it('plain text is taken only from who says so', () => {
  const tcp = { kind: 'tcp', host: 'kvm1', port: 16_509 };
  expect(parseLibvirtUri('qemu+tcp://kvm1/system?insecure=1').transport).toEqual(tcp);
  for (const uri of ['qemu+tcp://kvm1/system', 'qemu+tcp://kvm1/system?insecure=0']) {
    const message = expect.stringMatching(/plain text.*use tls or ssh, or accept it with insecure=1/);
    expect(() => parseLibvirtUri(uri)).toThrow(expect.objectContaining({ code: 'VDT_LIBVIRT_ADDRESS', message }));
  }
});

it.each([
  ['', 'is not a libvirt URI'],
  ['qemu', 'is not a libvirt URI'],
  ['http2://x', 'is not a libvirt URI'],
  ['qemu+libssh2://kvm1/system', 'has transport libssh2; known are unix, tls, ssh, tcp'],
  ['qemu+ssh:///system', 'names no host, which ssh needs'],
  ['qemu+tls:///system', 'names no host, which tls needs'],
  ['qemu+unix://kvm1/system', 'names a host, which a unix socket does not have'],
  ['qemu:///session', 'socket must be given'],
  ['qemu+tls://kvm1', 'names no libvirt instance'],
  ['qemu+tls://u@kvm1/system', 'names a user, which tls does not have'],
  ['qemu+ssh://-oProxyCommand=x/system', 'names a host that cannot be'],
  ['qemu+ssh://-oProxyCommand=x@kvm1/system', 'names a user that cannot be'],
  ['qemu+ssh://%zz@kvm1/system', 'names a user that cannot be'],
  ['qemu+ssh://kvm1/system?keyfile=id', 'names keyfile without its whole path'],
  ['qemu+ssh://kvm1/system?keyfile=/a%0Ab', 'names keyfile without its whole path'],
  ['qemu+ssh://kvm1/system?keyfile=/a&keyfile=/b', 'has the parameter keyfile twice'],
  ['qemu+ssh://kvm1/system?socket=/s&proxy=native', 'only proxy=netcat can open'],
  ['qemu+ssh://kvm1/system?command=/bin/sh', 'has the unknown parameter command; those of ssh are proxy, socket'],
  ['qemu+tls://kvm1/system?clientcert=/a', 'a certificate needs its key'],
  ['qemu+tls://kvm1/system?no_verify=1', 'says no_verify: hosts are always verified'],
  ['qemu+tls://kvm1/system?no_verify=0', 'says no_verify: hosts are always verified'],
  ['qemu+ssh://kvm1/system?known_hosts_verify=ignore', 'says known_hosts_verify: hosts are always verified'],
  ['qemu:///system?mode=fast', 'says mode=fast; it can be auto, legacy, direct'],
])('D4: %j is refused: it %s', (uri, why) => {
  const message = expect.stringContaining(why);
  expect(() => parseLibvirtUri(uri)).toThrow(expect.objectContaining({ code: 'VDT_LIBVIRT_ADDRESS', message }));
});

it('D4: whatever is written, it is read or refused in words', () => {
  const part = fc.oneof(
    fc.constantFrom('qemu', '+', 'ssh', 'tls', '://', '/', '?', '&', '=', '@', ':', '%', '[', ']'),
    fc.string(),
  );
  const known = fc.constantFrom('socket', 'readonly', 'keyfile', 'pkipath', 'proxy', 'mode', 'insecure', 'no_verify');
  const query = fc.array(fc.tuple(known, fc.oneof(fc.constantFrom('0', '1', '/a', 'auto'), fc.string())), {
    maxLength: 3,
  });
  const shaped = fc
    .tuple(fc.constantFrom('unix', 'tls', 'ssh', 'tcp', 'ext'), fc.string(), fc.string(), query)
    .map(
      ([kind, host, path, pairs]) => `qemu+${kind}://${host}/${path}?${pairs.map((pair) => pair.join('=')).join('&')}`,
    );
  fc.assert(
    fc.property(
      fc.oneof(
        shaped,
        fc.array(part).map((parts) => parts.join('')),
      ),
      (uri) => {
        try {
          expect(parseLibvirtUri(uri).driverUri).toMatch(/^[a-z]+:\/\/\//);
        } catch (error) {
          expect(error).toMatchObject({ code: 'VDT_LIBVIRT_ADDRESS' });
        }
      },
    ),
  );
});
