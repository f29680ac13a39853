import type { Paint, Tone } from './style.ts';
import { fitText, textWidth } from './text-width.ts';

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /**
   * May be cut to this many characters where the table is wider than the terminal; of several such columns the widest
   * gives first. Left out: always shown whole.
   */
  readonly least?: number;
}

/** One cell: its text, already printable, and how it is set off. */
export interface Cell {
  readonly text: string;
  readonly tone?: Tone;
}

export interface TableOptions {
  readonly columns: readonly Column[];
  /** Characters in a line, at most; undefined: no limit (a pipe or a file). */
  readonly width: number | undefined;
  readonly paint: Paint;
}

const gap = 2;

/**
 * A table without lines: titles, then one line a row, columns two spaces apart. Long ones are written in portions:
 * the first decides on the widths, and a later one with wider texts widens the columns from there on.
 */
export class TableWriter {
  readonly #options: TableOptions;
  #natural: readonly number[];
  #begun = false;

  constructor(options: TableOptions) {
    this.#options = options;
    this.#natural = options.columns.map(({ title }) => textWidth(title));
  }

  /** The lines of these rows, each with its line break; before the first ones the titles. */
  portion(rows: ReadonlyArray<readonly Cell[]>): string {
    const { columns, width, paint } = this.#options;
    this.#natural = rows.reduce(widened, this.#natural);
    const widths = fitted(columns, this.#natural, width);
    const titles = columns.map(({ title }): Cell => ({ text: title, tone: 'dim' }));
    let text = this.#begun ? '' : `${renderRow(columns, titles, widths, paint)}\n`;
    for (const row of rows) text += `${renderRow(columns, row, widths, paint)}\n`;
    this.#begun = true;
    return text;
  }
}

function widened(widths: readonly number[], row: readonly Cell[]): readonly number[] {
  return widths.map((width, at) => Math.max(width, textWidth(row[at]?.text ?? '')));
}

/** Nothing is padded at the end of the line. */
function renderRow(columns: readonly Column[], row: readonly Cell[], widths: readonly number[], paint: Paint): string {
  let line = '';
  let owed = 0;
  for (const [at, { align = 'left' }] of columns.entries()) {
    const width = widths[at] ?? 0;
    const { text, tone = 'plain' } = row[at] ?? { text: '' };
    const shown = fitText(text, width);
    const room = width - textWidth(shown);
    if (shown !== '') {
      line += ' '.repeat(owed + (align === 'right' ? room : 0)) + paint(tone, shown);
      owed = 0;
    }
    owed += gap + (shown === '' ? width : align === 'right' ? 0 : room);
  }
  return line;
}

/** Takes from the widest column that may give, one character at a time. */
function fitted(columns: readonly Column[], natural: readonly number[], width: number | undefined): number[] {
  const widths = [...natural];
  if (width === undefined) return widths;
  let over = widths.reduce((sum, one) => sum + one + gap, -gap) - width;
  while (over > 0) {
    let widest = -1;
    for (const [at, { least }] of columns.entries()) {
      const mayGive = least !== undefined && (widths[at] ?? 0) > least;
      if (mayGive && (widest < 0 || (widths[at] ?? 0) > (widths[widest] ?? 0))) widest = at;
    }
    if (widest < 0) return widths; // the terminal is too narrow for what must be shown: its lines wrap
    widths[widest] = (widths[widest] ?? 0) - 1;
    over--;
  }
  return widths;
}
