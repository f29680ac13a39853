import type { VMEntry } from '../knowledge.ts';
import { words } from './layout.ts';

/** What samples tell of a VM, as the last row had it. */
export type Figures = Pick<VMEntry, 'cpuUser' | 'cpuSystem' | 'memoryPercent' | 'startedMs'>;

/**
 * Figures with the digits that are told of them and no more: shares of processors in 24 bits of 1/10,000, memory in 16
 * bits of 1/100 %, and the start in quarters of a second, 17 years around the clock's zero. All ones: unknown.
 */
const cpuScale = 10_000;
const memoryScale = 100;
const startedScale = 1 / 250;
const unknownCpu = 0xff_ffff;
const unknownMemory = 0xffff;
const unknownStart = -0x8000_0000;

export function setFigures(page: Uint32Array, at: number, figures: Figures): void {
  const user = scaled(figures.cpuUser, cpuScale, unknownCpu);
  const system = scaled(figures.cpuSystem, cpuScale, unknownCpu);
  const memory = scaled(figures.memoryPercent, memoryScale, unknownMemory);
  page[at + words.figures] = user | (system << 24);
  page[at + words.figures + 1] = (system >>> 8) | (memory << 16);
  const quarters = Math.round(figures.startedMs * startedScale);
  page[at + words.started] = Number.isNaN(quarters) ? unknownStart : clamped(quarters, 0x7fff_ffff);
}

export function figuresOf(page: Uint32Array, at: number): Figures {
  const low = page[at + words.figures] as number;
  const high = page[at + words.figures + 1] as number;
  const started = (page[at + words.started] as number) | 0;
  return {
    cpuUser: unscaled(low & 0xff_ffff, cpuScale, unknownCpu),
    cpuSystem: unscaled((low >>> 24) | ((high & 0xffff) << 8), cpuScale, unknownCpu),
    memoryPercent: unscaled(high >>> 16, memoryScale, unknownMemory),
    startedMs: started === unknownStart ? Number.NaN : started / startedScale,
  };
}

function scaled(figure: number, scale: number, unknown: number): number {
  if (!Number.isFinite(figure)) return unknown;
  return Math.min(Math.max(0, Math.round(figure * scale)), unknown - 1);
}

function unscaled(figure: number, scale: number, unknown: number): number {
  return figure === unknown ? Number.NaN : figure / scale;
}

function clamped(value: number, most: number): number {
  return Math.min(Math.max(-most, value), most);
}
