import { parseLibvirtUri } from '@vedette/libvirt';
import { expect, it } from 'vitest';

it('a URI names the driver, and the sockets of the system unless it gives one', () => {
  expect(parseLibvirtUri('qemu:///system', false)).toEqual({
    driverUri: 'qemu:///system',
    socketPaths: ['/run/libvirt/libvirt-sock', '/run/libvirt/virtqemud-sock'],
  });
  expect(parseLibvirtUri('qemu:///system', true).socketPaths).toEqual([
    '/run/libvirt/libvirt-sock-ro',
    '/run/libvirt/virtqemud-sock-ro',
  ]);
  expect(parseLibvirtUri('test+unix:///default?socket=/tmp/a%20b', false)).toEqual({
    driverUri: 'test:///default',
    socketPaths: ['/tmp/a b'],
  });
});

it.each([
  '',
  'qemu',
  'http2://x',
  'qemu+tls://host/system',
  'qemu+ssh:///system',
  'qemu://host/system',
  'qemu:///session',
])('D4: %j is refused', (uri) => {
  expect(() => parseLibvirtUri(uri, false)).toThrow(expect.objectContaining({ code: 'VDT_LIBVIRT_ADDRESS' }));
});
