import { expect, it } from 'vitest';
import { type HostFitness, unfitBecause } from '../../src/drivers/libvirt/fitness.ts';

const fit: HostFitness = {
  libvirtVersion: '9.0.0',
  kvm: true,
  kvmDomains: ['web'],
  requiredPools: ['images'],
  requiredNetworks: ['default'],
  pools: [{ name: 'images', active: true }],
  networks: [
    { name: 'default', active: true },
    { name: 'spare', active: false },
  ],
};

it.each<[string, Partial<HostFitness>, string]>([
  ['with all it needs', {}, ''],
  ['without KVM, which its domains need', { kvm: false }, 'no KVM, which web needs'],
  ['without KVM for several', { kvm: false, kvmDomains: ['web', 'db', 'mail'] }, 'no KVM, which db and 2 more needs'],
  ['without KVM that only emulates', { kvm: false, kvmDomains: [] }, ''],
  ['whose libvirt is too old', { libvirtVersion: '5.9.12' }, 'libvirt 5.9.12 is older than 5.10.0'],
  ['whose libvirt is the oldest that will do', { libvirtVersion: '5.10.0' }, ''],
  ['whose libvirt has a longer number', { libvirtVersion: '10.0.0' }, ''],
  ['whose pool is down', { pools: [{ name: 'images', active: false }] }, 'storage pool images is not active'],
  ['that lacks a pool', { pools: [] }, 'storage pool images is not there'],
  ['whose network is down', { networks: [{ name: 'default', active: false }] }, 'network default is not active'],
  ['whose pools and networks could not be read', { pools: undefined, networks: undefined }, ''],
  ['with several faults', { kvm: false, networks: [] }, 'no KVM, which web needs; network default is not there'],
])('a host %s', (_, change, because) => {
  expect(unfitBecause({ ...fit, ...change })).toBe(because);
});
