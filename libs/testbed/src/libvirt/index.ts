export { type Availability, type LibvirtNeeds, libvirtAvailable } from './availability.ts';
export type { KeyPair } from './certificates.ts';
export type { Daemon } from './daemon.ts';
export {
  type BiosGuestOptions,
  biosGuest,
  type FullGuestOptions,
  fullGuest,
  type Guest,
  restlessBootSector,
} from './guests.ts';
export { LibvirtPair, type LibvirtPairOptions, type MigrationOptions, startLibvirtPair } from './pair.ts';
export { type LibvirtOptions, PrivateLibvirt, startLibvirt } from './private-libvirt.ts';
export type { TcpAccess, TlsAccess, TlsOptions } from './remote-access.ts';
export { Sshd, type SshdOptions, type SshFiles, startSshd } from './sshd.ts';
