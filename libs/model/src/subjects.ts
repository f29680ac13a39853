/**
 * Subjects of the bus: dot-separated tokens below `vedette.v1`. A token holds letters, digits, `_` and `-`; every
 * other byte of an identifier's UTF-8 form is written as `~` and two lower-case hex digits, so that any identifier
 * fits and comes back unchanged. Wildcards as in NATS: `*` is one token, `>` is one or more at the end.
 */

/** Longest subject that every bus driver must carry, in bytes. */
export const maxSubjectBytes = 200;

const plain = new Uint8Array(256);
for (const byte of Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-')) plain[byte] = 1;

/** Writes an identifier as one subject token. */
export function escapeToken(id: string): string {
  if (isPlain(id)) return id;
  let token = '';
  for (const byte of Buffer.from(id, 'utf8')) {
    token += plain[byte] === 1 ? String.fromCharCode(byte) : `~${byte.toString(16).padStart(2, '0')}`;
  }
  return token;
}

function isPlain(id: string): boolean {
  for (let at = 0; at < id.length; at++) if (plain[id.charCodeAt(at)] !== 1) return false;
  return true;
}

/** The identifier that {@link escapeToken} wrote; undefined for a token that it cannot have written. */
export function unescapeToken(token: string): string | undefined {
  if (token.length === 0) return undefined;
  if (isPlain(token)) return token;
  const bytes: number[] = [];
  for (let at = 0; at < token.length; at++) {
    const code = token.charCodeAt(at);
    if (code === 0x7e /* ~ */) {
      const hex = token.slice(at + 1, at + 3);
      if (!/^[0-9a-f]{2}$/.test(hex)) return undefined;
      bytes.push(Number.parseInt(hex, 16));
      at += 2;
    } else if (plain[code] === 1) bytes.push(code);
    else return undefined;
  }
  const id = Buffer.from(bytes).toString('utf8');
  return escapeToken(id) === token ? id : undefined;
}

const root = 'vedette.v1';

/** The subject of each kind of message; identifiers are escaped here and nowhere else. */
export const subjects = {
  vmState: (host: string, vm: string) => `${root}.vm.state.${escapeToken(host)}.${escapeToken(vm)}`,
  vmAddresses: (host: string, vm: string) => `${root}.vm.ip.${escapeToken(host)}.${escapeToken(vm)}`,
  vmConfig: (host: string, vm: string) => `${root}.vm.config.${escapeToken(host)}.${escapeToken(vm)}`,
  vmGuest: (host: string, vm: string) => `${root}.vm.guest.${escapeToken(host)}.${escapeToken(vm)}`,
  vmCondition: (host: string, vm: string) => `${root}.vm.condition.${escapeToken(host)}.${escapeToken(vm)}`,
  hostSnapshot: (host: string) => `${root}.host.snapshot.${escapeToken(host)}`,
  hostState: (host: string) => `${root}.host.state.${escapeToken(host)}`,
  coverage: (member: string) => `${root}.monitor.coverage.${escapeToken(member)}`,
  blind: (member: string) => `${root}.monitor.blind.${escapeToken(member)}`,
  mark: () => `${root}.mark`,
  vmStats: (host: string) => `${root}.stats.vm.${escapeToken(host)}`,
  hostStats: (host: string) => `${root}.stats.host.${escapeToken(host)}`,
  fleetVm: (vm: string) => `${root}.fleet.vm.${escapeToken(vm)}`,
  fleetHost: (host: string) => `${root}.fleet.host.${escapeToken(host)}`,
  observer: (observer: string, verb: 'snapshot' | 'documents' | 'superseded') =>
    `${root}.observer.${escapeToken(observer)}.${verb}`,
} as const;

/** What consumers subscribe to, whole. */
export const subjectPatterns = {
  /** Everything that observers publish for keeps. */
  observerEvents: [`${root}.vm.>`, `${root}.host.snapshot.*`, `${root}.host.state.*`],
  coverage: `${root}.monitor.coverage.*`,
  blind: `${root}.monitor.blind.*`,
  mark: `${root}.mark`,
  fleet: `${root}.fleet.>`,
  everything: `${root}.>`,
} as const;

/**
 * Whether `subject` falls under `pattern`. Walks both strings once, without allocating: it stands in the way of every
 * message on drivers that filter on the client's side.
 */
export function matchSubject(pattern: string, subject: string): boolean {
  let p = 0;
  let s = 0;
  for (;;) {
    const wild = pattern.charCodeAt(p);
    const tokenEnds = p + 1 === pattern.length || pattern.charCodeAt(p + 1) === 0x2e;
    if (wild === 0x3e /* > */ && p + 1 === pattern.length) return s < subject.length;
    if (wild === 0x2a /* * */ && tokenEnds) {
      const from = s;
      while (s < subject.length && subject.charCodeAt(s) !== 0x2e) s++;
      if (s === from) return false;
      p++;
    } else {
      while (p < pattern.length && pattern.charCodeAt(p) !== 0x2e) {
        if (s >= subject.length || pattern.charCodeAt(p) !== subject.charCodeAt(s)) return false;
        p++;
        s++;
      }
    }
    if (p === pattern.length || s === subject.length) return p === pattern.length && s === subject.length;
    if (subject.charCodeAt(s) !== 0x2e) return false;
    p++;
    s++;
  }
}

/** Whether `subject` can be published to: tokens of the allowed characters, no wildcard, at most 200 bytes. */
export function isSubject(subject: string): boolean {
  return subject.length <= maxSubjectBytes && /^[A-Za-z0-9_~-]+(\.[A-Za-z0-9_~-]+)*$/.test(subject);
}

/** Whether `pattern` can be subscribed to: as a subject, with `*` for a token and `>` for the last. */
export function isPattern(pattern: string): boolean {
  return pattern.length <= maxSubjectBytes && /^(\*|[A-Za-z0-9_~-]+)(\.(\*|[A-Za-z0-9_~-]+))*(\.>)?$|^>$/.test(pattern);
}
