import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { base32, createNkey, type Nkey } from './nkeys.ts';

/** A server in operator mode: who may connect is told by tokens signed by an operator, not by its configuration. */
export interface OperatorFiles {
  /** Credentials of a user that the server accepts. */
  readonly credsFile: string;
  /** Credentials of a user whose account the operator did not sign. */
  readonly strangeCredsFile: string;
  /** What its configuration must hold. */
  readonly settings: Readonly<Record<string, unknown>>;
}

const unlimited = { subs: -1, data: -1, payload: -1 };
const accountLimits = { ...unlimited, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
const jetStreamLimits = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };

/** Makes an operator, a system account, an account with JetStream and the credentials of two users, in `folder`. */
export async function makeOperator(folder: string): Promise<OperatorFiles> {
  const [operator, strangeOperator] = [createNkey('operator'), createNkey('operator')];
  const [system, account, strangeAccount] = [createNkey('account'), createNkey('account'), createNkey('account')];
  const credsFile = await writeCredentials(join(folder, 'user.creds'), account);
  const strangeCredsFile = await writeCredentials(join(folder, 'strange-user.creds'), strangeAccount);
  const claims = { type: 'operator', version: 2, system_account: system.publicKey };
  return {
    credsFile,
    strangeCredsFile,
    settings: {
      operator: token(operator, operator.publicKey, 'operator', claims),
      system_account: system.publicKey,
      resolver: 'MEMORY',
      resolver_preload: {
        [system.publicKey]: accountToken(operator, system, 'system', {}),
        [account.publicKey]: accountToken(operator, account, 'fleet', jetStreamLimits),
        [strangeAccount.publicKey]: accountToken(strangeOperator, strangeAccount, 'strange', jetStreamLimits),
      },
    },
  };
}

function accountToken(operator: Nkey, account: Nkey, name: string, jetStream: object): string {
  const claims = { type: 'account', version: 2, limits: { ...accountLimits, ...jetStream } };
  return token(operator, account.publicKey, name, claims);
}

async function writeCredentials(path: string, account: Nkey): Promise<string> {
  const user = createNkey('user');
  const claims = { type: 'user', version: 2, ...unlimited, pub: {}, sub: {} };
  const signed = token(account, user.publicKey, 'user', claims);
  const text = [
    `-----BEGIN NATS USER JWT-----\n${signed}\n------END NATS USER JWT------\n`,
    `-----BEGIN USER NKEY SEED-----\n${user.seed}\n------END USER NKEY SEED------\n`,
  ];
  await writeFile(path, text.join('\n'), { mode: 0o600 });
  return path;
}

/** A JSON Web Token of NATS, version 2; its id is the hash of its claims. */
function token(issuer: Nkey, subject: string, name: string, nats: object): string {
  const claims = { iat: 1_577_836_800, iss: issuer.publicKey, sub: subject, name, nats };
  const id = base32(createHash('sha512-256').update(JSON.stringify(claims)).digest());
  const head = part({ typ: 'JWT', alg: 'ed25519-nkey' });
  const body = part({ jti: id, ...claims });
  const signature = Buffer.from(issuer.sign(Buffer.from(`${head}.${body}`))).toString('base64url');
  return `${head}.${body}.${signature}`;
}

function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
