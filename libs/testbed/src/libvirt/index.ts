export { type Availability, libvirtAvailable } from './availability.ts';
export type { Daemon } from './daemon.ts';
export { type BiosGuestOptions, biosGuest, type FullGuestOptions, fullGuest, type Guest } from './guests.ts';
export { type LibvirtOptions, PrivateLibvirt, startLibvirt } from './private-libvirt.ts';
