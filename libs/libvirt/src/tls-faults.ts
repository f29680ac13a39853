import { VedetteError } from '@vedette/runtime';
import type { TlsAddress } from './address.ts';
import './errors.ts';
import type { TlsCredentials } from './tls-files.ts';
import { unreachable } from './transport.ts';

/**
 * What goes wrong with TLS, in words: whose certificate, which file, what to do. Node's codes for what we find about the
 * host's certificate are OpenSSL's X509_V_ERR names; what the host says about ours comes as an alert.
 */

const notOurCa: ReadonlySet<string> = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'INVALID_CA',
]);

const otherVerdicts: ReadonlyMap<string, string> = new Map([
  ['CERT_NOT_YET_VALID', 'is not valid yet: check the clocks of both machines'],
  ['CERT_REVOKED', 'has been revoked'],
  ['INVALID_PURPOSE', 'is not one for servers (extended key usage serverAuth)'],
  ['CA_MD_TOO_WEAK', 'is signed with a digest that is too weak'],
  ['EE_KEY_TOO_SMALL', 'has a key that is too small'],
  ['CA_KEY_TOO_SMALL', 'is signed by a CA whose key is too small'],
]);

/** What an error before the end of the handshake comes to. */
export function tlsFault(address: TlsAddress, credentials: TlsCredentials, error: NodeJS.ErrnoException): VedetteError {
  const where = `${address.host}:${address.port}`;
  const code = error.code ?? '';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return wrongName(address, error);
  if (code === 'CERT_HAS_EXPIRED') {
    return identity(`the certificate of ${where}, or of its CA (${credentials.caFile}), has expired`, error, [
      'renew /etc/pki/libvirt/servercert.pem on the host and restart libvirtd (or run virt-admin server-update-tls)',
    ]);
  }
  if (notOurCa.has(code)) {
    return identity(`the certificate of ${where} is not signed by the CA in ${credentials.caFile} (${code})`, error, [
      'take the cacert.pem of the CA that signed the host’s servercert.pem; if that is this one, somebody may be in between',
    ]);
  }
  const verdict = otherVerdicts.get(code);
  if (verdict !== undefined) return identity(`the certificate of ${where} ${verdict}`, error, []);
  if (isAlert(code)) return hostRefusal(address, credentials, error);
  if (code.startsWith('ERR_SSL_')) {
    const message = `${where} does not speak TLS 1.2 or newer as libvirtd does: ${error.message.trim()}`;
    const action = 'check that the port is that of libvirtd’s TLS (16514 unless tls_port says otherwise)';
    return new VedetteError('VDT_LIBVIRT_PROTOCOL', { message, action, cause: error });
  }
  return unreachable(where, error);
}

/** What the end of the connection after the handshake, before libvirtd accepted us, comes to. */
export function hostRefusal(
  address: TlsAddress,
  credentials: TlsCredentials,
  error: NodeJS.ErrnoException,
): VedetteError {
  const where = `${address.host}:${address.port}`;
  const code = error.code ?? '';
  if (code !== '' && !isAlert(code)) return unreachable(where, error); // reset: no word about us
  const said = code === '' ? '' : ` (${alertOf(code)})`;
  if (credentials.own === undefined) {
    return new VedetteError('VDT_LIBVIRT_AUTH', {
      message: `${where} closed the connection after the handshake${said}: it wants a client certificate, and there is none`,
      action:
        'give this user clientcert.pem and clientkey.pem in ~/.pki/libvirt, or name them by pkipath= or clientcert= and clientkey=',
      cause: error,
    });
  }
  return new VedetteError('VDT_LIBVIRT_AUTH', {
    message: `${where} closed the connection after the handshake${said}: it does not accept the certificate in ${credentials.own.certFile}`,
    action:
      'the log of libvirtd says why: the certificate has expired, is of a CA that is not in the host’s ' +
      '/etc/pki/CA/cacert.pem, or its name is not in tls_allowed_dn_list of libvirtd.conf (virtproxyd.conf)',
    cause: error,
  });
}

function wrongName(address: TlsAddress, error: NodeJS.ErrnoException): VedetteError {
  const { cert } = error as { cert?: { subjectaltname?: string; subject?: { CN?: string | string[] } } };
  const names = cert?.subjectaltname ?? `CN=${String(cert?.subject?.CN ?? '')}`;
  return identity(
    `the certificate of ${address.host}:${address.port} is for ${names}, not for ${address.host}`,
    error,
    ['use a name that the certificate has, or give the host a certificate with this name (subjectAltName)'],
  );
}

function identity(message: string, cause: Error, [action]: readonly string[]): VedetteError {
  return new VedetteError('VDT_LIBVIRT_HOST_IDENTITY', { message, cause, ...(action === undefined ? {} : { action }) });
}

function isAlert(code: string): boolean {
  return /^ERR_SSL_.*_ALERT_/.test(code) && !/PROTOCOL_VERSION|HANDSHAKE_FAILURE/.test(code);
}

/** `ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED`: certificate required. */
function alertOf(code: string): string {
  return code
    .replace(/^ERR_SSL_.*_ALERT_/, '')
    .toLowerCase()
    .replaceAll('_', ' ');
}
