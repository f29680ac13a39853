import type { FleetHostState, VMState } from '@vedette/model';
import { numberText, sortedCounts } from '../output/counts.ts';
import { durationText } from '../output/durations.ts';
import { hostTone, type Paint, type Tone, vmTone } from '../output/style.ts';
import { fitText, textWidth } from '../output/text-width.ts';
import type { Figures } from './figures.ts';

/** What stays the same while it runs. */
export interface Heading {
  readonly title: string;
  readonly hint: string;
}

interface Part {
  readonly text: string;
  readonly tone: Tone;
}

const nameWidth = 9;

/** The summary as lines of at most `width` characters: a rule with the title, then four lines. */
export function summaryLines(heading: Heading, figures: Figures, width: number, paint: Paint): string[] {
  const { counts, ages, cpuRatio, memoryMiB } = figures;
  const knowledge: Part[] =
    ages === undefined
      ? [{ text: 'nothing known yet', tone: 'dim' }]
      : [plainPart(`${durationText(ages.p50Ms)} old at the median, ${durationText(ages.p99Ms)} at p99`)];
  return [
    rule(heading, figures.runningMs, width, paint),
    line('hosts', stateParts(counts.hosts, hostTone), width, paint),
    line('vms', stateParts(counts.vms, vmTone), width, paint),
    line('events', [plainPart(eventsText(figures))], width, paint),
    line('knowledge', knowledge, width, paint),
    line('process', [plainPart(`CPU ${percent(cpuRatio)}, memory ${memoryText(memoryMiB)}`)], width, paint),
  ];
}

/** The summary in one line, for a log. */
export function summaryText({ counts, ages, cpuRatio, memoryMiB, ...figures }: Figures): string {
  const hosts = plainCounts(counts.hosts);
  const vms = plainCounts(counts.vms);
  const age = ages === undefined ? '' : `; knowledge ${durationText(ages.p50Ms)} old, p99 ${durationText(ages.p99Ms)}`;
  const use = `CPU ${percent(cpuRatio)}, ${memoryText(memoryMiB)}`;
  return `hosts: ${hosts}; vms: ${vms}; events: ${eventsText(figures)}${age}; ${use}`;
}

function rule({ title, hint }: Heading, runningMs: number, width: number, paint: Paint): string {
  const left = `── ${title} `;
  const right = ` ${clockLike(runningMs)}  ${hint} ──`;
  const room = width - textWidth(left) - textWidth(right);
  return paint('dim', room < 2 ? fitText(left, width) : `${left}${'─'.repeat(room)}${right}`);
}

/** Parts that no longer fit are left out, the last one shown is cut. */
function line(name: string, parts: readonly Part[], width: number, paint: Paint): string {
  let text = paint('dim', `${name.padEnd(nameWidth)}  `);
  let room = width - nameWidth - 2;
  for (const [at, part] of parts.entries()) {
    const gap = at === 0 ? '' : '   ';
    const shown = fitText(part.text, room - gap.length);
    if (shown === '') break;
    text += gap + paint(part.tone, shown);
    room -= gap.length + textWidth(shown);
  }
  return text;
}

function stateParts<S extends FleetHostState | VMState>(
  counts: Readonly<Partial<Record<S, number>>>,
  toneOf: (state: S) => Tone,
): Part[] {
  const parts = sortedCounts(counts).map(([state, count]): Part => {
    return { text: `${numberText(count)} ${state}`, tone: toneOf(state) };
  });
  return parts.length > 0 ? parts : [{ text: 'none yet', tone: 'dim' }];
}

function plainCounts(counts: Readonly<Partial<Record<string, number>>>): string {
  const parts = sortedCounts(counts).map(([state, count]) => `${numberText(count)} ${state}`);
  return parts.length > 0 ? parts.join(', ') : 'none yet';
}

function plainPart(text: string): Part {
  return { text, tone: 'plain' };
}

function eventsText({ events, eventsPerSecond }: Pick<Figures, 'events' | 'eventsPerSecond'>): string {
  return `${numberText(events)} so far, ${eventsPerSecond.toFixed(1)} a second`;
}

function percent(ratio: number | undefined): string {
  return ratio === undefined ? '-' : `${Math.round(ratio * 100)} % of one core`;
}

function memoryText(memoryMiB: number): string {
  return `${Math.round(memoryMiB)} MiB`;
}

/** `0:07`, `12:34`, `1:02:03`. */
function clockLike(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  const two = (value: number): string => String(value).padStart(2, '0');
  const [h, m, s] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}
