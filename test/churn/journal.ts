import { createWriteStream, mkdirSync, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import type { AnyEvent, Deed, Heard, Trouble } from './history.ts';

export interface Line {
  readonly atMs: number;
  readonly kind: 'begin' | 'deed' | 'trouble' | 'event' | 'check' | 'fault' | 'note';
  readonly vm?: string;
  readonly host?: string;
  readonly what: string;
  readonly data?: unknown;
}

/** The log of a run, as lines of JSON in `journal.jsonl`: what was done, what was told, by one monotonic clock. */
export class Journal {
  readonly #file: WriteStream | undefined;
  readonly #recent: Line[] = [];

  /** @param folder undefined: nothing is written, only the recent lines are kept */
  constructor(folder: string | undefined) {
    if (folder === undefined) return;
    mkdirSync(folder, { recursive: true });
    this.#file = createWriteStream(join(folder, 'journal.jsonl'), { flags: 'w' });
  }

  write(line: Line): void {
    this.#recent.push(line);
    if (this.#recent.length > recentLines) this.#recent.splice(0, recentLines / 2);
    this.#file?.write(`${JSON.stringify(line)}\n`);
  }

  deed(deed: Deed): void {
    const { vm, name, host, to, endedMs, beganMs, refused } = deed;
    const where = to === undefined ? host : `${host} -> ${to}`;
    const took = `${(endedMs - beganMs).toFixed(0)} ms`;
    const what = `${name} on ${where}, ${took}: ${JSON.stringify(deed.after)}${refused ? ` REFUSED ${refused}` : ''}`;
    this.write({ atMs: endedMs, kind: 'deed', vm, host, what, data: deed });
  }

  trouble(trouble: Trouble): void {
    const what = `${trouble.name} of ${trouble.hosts.join(', ')} for ${(trouble.untilMs - trouble.fromMs).toFixed(0)} ms`;
    this.write({ atMs: trouble.untilMs, kind: 'trouble', what, data: trouble });
  }

  event({ atMs, event }: Heard): void {
    const { vm, host } = event.data as { vm?: string; host?: string };
    const about = { ...(vm === undefined ? {} : { vm }), ...(host === undefined ? {} : { host }) };
    this.write({ atMs, kind: 'event', ...about, what: sentence(event), data: event });
  }

  /** The last `count` lines about a guest, and about what concerns all, up to a moment, for people. */
  evidence(vm: string | undefined, untilMs: number, count = 40): string {
    const about = this.#recent.filter(
      (line) => line.atMs <= untilMs && line.kind !== 'fault' && (line.vm === undefined || line.vm === vm),
    );
    return about
      .slice(-count)
      .map(({ atMs, kind, what }) => `    ${(atMs / 1_000).toFixed(3)} ${kind.padEnd(7)} ${what}`)
      .join('\n');
  }

  async close(): Promise<void> {
    if (this.#file === undefined) return;
    this.#file.end();
    await finished(this.#file);
  }
}

const recentLines = 8_000;

function sentence(event: AnyEvent): string {
  const name = event.type.split('.')[1];
  switch (event.type) {
    case 'vedette.VMStateChanged.v1': {
      const { host, from, to, passed, via, value } = event.data;
      const over = passed.length === 0 ? '' : ` over ${passed.join(', ')}`;
      return `${name} ${event.id}: ${from ?? '-'} > ${to}${over} on ${host} (${value.reason}, raw ${value.raw.state}/${value.raw.reason}, ${via})`;
    }
    case 'vedette.VMChanged.v1': {
      const { vmVersion, incarnation, reason, state, host, detail, previous } = event.data;
      const changed = Object.keys(previous).join(',');
      return `${name} v${vmVersion} #${incarnation}: ${reason}: ${state}@${host ?? '-'} (${detail}) changed ${changed}`;
    }
    case 'vedette.HostChanged.v1':
    case 'vedette.HostStateChanged.v1':
      return `${name} ${event.id}: ${JSON.stringify(event.data)}`;
    default:
      return `${name} ${event.id}`;
  }
}
