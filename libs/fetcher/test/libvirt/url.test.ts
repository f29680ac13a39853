import { expect, it } from 'vitest';
import { parseLibvirtUrl } from '../../src/drivers/libvirt/url.ts';

it.each([
  ['libvirt:///system', { uri: 'qemu:///system', socketPath: undefined, readOnly: false }],
  ['libvirt:///system?readonly=1', { uri: 'qemu:///system', socketPath: undefined, readOnly: true }],
  [
    'libvirt:///system?socket=/run/a%20b&readonly=0',
    { uri: 'qemu:///system', socketPath: '/run/a b', readOnly: false },
  ],
  ['libvirt:///default?driver=test', { uri: 'test:///default', socketPath: undefined, readOnly: false }],
] as const)('%s is read', (url, expected) => {
  expect(parseLibvirtUrl(url)).toEqual(expected);
});

it.each([
  ['qemu:///system', 'is not a libvirt URL'],
  ['libvirt://host/system', 'names another machine'],
  ['libvirt:///', 'names no libvirt instance'],
  ['libvirt:///system#x', 'has parts that mean nothing'],
  ['libvirt:///system?socket=run', 'names a socket without its whole path'],
  ['libvirt:///system?readonly=true', 'neither 0 nor 1'],
  ['libvirt:///system?driver=../x', 'names no libvirt driver'],
  ['libvirt:///system?keyfile=/x', 'has the unknown parameter keyfile'],
])('%s is refused: it %s; the message names the forms that are known', (url, why) => {
  const message = expect.stringMatching(new RegExp(`${why}.*libvirt:///system`));
  expect(() => parseLibvirtUrl(url)).toThrow(expect.objectContaining({ code: 'VDT_FETCHER_URL', message }));
});
