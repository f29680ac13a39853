import { VedetteError } from '@vedette/runtime';
import type { LibvirtTransport } from './address.ts';
import './errors.ts';
import * as procedures from './procedures.ts';
import { remoteErrorOf } from './remote-error.ts';
import type { CallOptions, RpcConnection } from './rpc.ts';

type TransportKind = LibvirtTransport['kind'];

/** remote_auth_type. */
const authTypes = { none: 0, sasl: 1, polkit: 2 } as const;

/** Where libvirtd.conf (virtqemud.conf, virtproxyd.conf) says how clients of a transport log in. */
const authSettings: Readonly<Record<TransportKind, string>> = {
  unix: 'auth_unix_ro (read-only socket) or auth_unix_rw',
  ssh: 'auth_unix_ro (read-only socket) or auth_unix_rw',
  tls: 'auth_tls',
  tcp: 'auth_tcp',
};

/**
 * Goes through what libvirtd asks of a new client: nothing, or polkit.
 *
 * @throws VedetteError VDT_LIBVIRT_AUTH, or what a call throws
 */
export async function beAdmitted(rpc: RpcConnection, kind: TransportKind, options: CallOptions): Promise<void> {
  const types = await rpc.call(procedures.authList, undefined, options);
  if (types.length === 0 || types.includes(authTypes.none)) return;
  if (types.includes(authTypes.polkit)) {
    await askPolkit(rpc, options);
    return;
  }
  const wanted = types.includes(authTypes.sasl) ? 'a SASL login' : `authentication ${types.join(', ')}`;
  throw new VedetteError('VDT_LIBVIRT_AUTH', {
    message: `libvirtd asks for ${wanted}, which Vedette does not speak`,
    action:
      `on the host, in /etc/libvirt/libvirtd.conf (virtproxyd.conf for tls and tcp, virtqemud.conf for sockets, where ` +
      `those daemons run), set ${authSettings[kind]} to "none"` +
      (kind === 'tls' ? ' and name our certificate in tls_allowed_dn_list' : '') +
      (kind === 'tcp' ? ', or better, use tls or ssh' : ''),
  });
}

const polkitAction =
  'run as root or add this user to the libvirt group (Debian, Ubuntu), or give it org.libvirt.unix.monitor (read-only) ' +
  'or org.libvirt.unix.manage by a rule in /etc/polkit-1/rules.d on the host; polkitd must run there';

/** Whatever libvirtd answers but yes (no polkit, no agent to ask a person, refused) comes to the same for the user. */
async function askPolkit(rpc: RpcConnection, options: CallOptions): Promise<void> {
  const admitted = await rpc.call(procedures.authPolkit, undefined, options).catch((error: unknown) => {
    const remote = remoteErrorOf(error);
    if (remote === undefined) throw error;
    const message = `polkit does not admit this user: ${remote.message}`;
    throw new VedetteError('VDT_LIBVIRT_AUTH', { message, action: polkitAction, cause: remote });
  });
  if (admitted) return;
  throw new VedetteError('VDT_LIBVIRT_AUTH', { message: 'polkit does not admit this user', action: polkitAction });
}
