import type { OutputStream } from '../output/style.ts';

const csi = '\u{1b}[';
const synchronized = { begin: `${csi}?2026h`, end: `${csi}?2026l` };
const cursor = { hide: `${csi}?25l`, show: `${csi}?25h` };

/**
 * A terminal with a region at its lower end that is rewritten in place, and lines that scroll above it. Each change is
 * one write, so that nothing flickers. Lines must fit the width of the terminal.
 */
export class Screen {
  readonly #stream: OutputStream;
  #region: readonly string[] = [];
  #begun = false;
  #closed = false;

  constructor(stream: OutputStream) {
    this.#stream = stream;
  }

  /** Writes `lines` above the region and replaces the region; without one given it stays as it is. */
  update(lines: readonly string[], region: readonly string[] = this.#region): void {
    if (this.#closed) return;
    const up = this.#region.length === 0 ? '' : `${csi}${this.#region.length}A`;
    const body = [...lines, ...region].map((line) => `${csi}2K${line}\n`).join('');
    const below = `${csi}J`;
    this.#stream.write(
      `${synchronized.begin}${this.#begun ? '' : cursor.hide}${up}\r${body}${below}${synchronized.end}`,
    );
    this.#region = region;
    this.#begun = true;
  }

  /** Leaves the region as it stands last and gives the cursor back. Idempotent. */
  close(): void {
    if (this.#begun && !this.#closed) this.#stream.write(cursor.show);
    this.#closed = true;
  }
}
