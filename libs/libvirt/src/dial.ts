import type { Clock } from '@vedette/runtime';
import type { LibvirtAddress } from './address.ts';
import { dialSsh } from './dial-ssh.ts';
import { dialTls } from './dial-tls.ts';
import { type Dial, dialFirst, dialTcp } from './transport.ts';

/** The way to a libvirtd that its address stands for. */
export function dialAddress(address: LibvirtAddress, clock: Clock): Dial {
  const { transport } = address;
  switch (transport.kind) {
    case 'unix':
      return dialFirst(transport.socketPaths);
    case 'tls':
      return dialTls(transport);
    case 'ssh':
      return dialSsh(transport, address, clock);
    case 'tcp':
      return dialTcp(transport.host, transport.port);
  }
}
