import type { HistoryView, HostView, VMView } from '@vedette/api/contract';
import { describeEvent, shortId } from './describe-event.ts';
import { ageText, dateText } from './durations.ts';
import { printable } from './printable.ts';
import { hostTone, type Paint, vmTone } from './style.ts';
import { type Cell, TableWriter } from './table.ts';

/** How a table is to be shown. */
export interface Looks {
  /** Characters in a line; undefined: a pipe or file, nothing is cut or left out. */
  readonly width: number | undefined;
  readonly paint: Paint;
}

/** Turns records into lines, portion by portion. */
export type Lines<T> = (records: readonly T[]) => string;

export function vmTable(looks: Looks): Lines<VMView> {
  const whole = looks.width === undefined;
  const table = new TableWriter({
    ...looks,
    columns: [
      { title: 'NAME', least: 12 },
      { title: 'STATE' },
      { title: 'HOST', least: 8 },
      { title: 'ADDRESSES', least: 15 },
      { title: 'AGE', align: 'right' },
      { title: 'ID' },
    ],
  });
  const row = (vm: VMView): Cell[] => [
    { text: vm.name === '' ? '-' : printable(vm.name) },
    vmStateCell(vm),
    { text: vm.host === undefined ? '-' : printable(vm.host) },
    { text: addressText(vm.addresses, whole) },
    { text: ageText(vm.ageMs), tone: 'dim' },
    { text: printable(whole ? vm.id : shortId(vm.id)), tone: 'dim' },
  ];
  return (vms) => table.portion(vms.map(row));
}

export function hostTable(looks: Looks): Lines<HostView> {
  const table = new TableWriter({
    ...looks,
    columns: [
      { title: 'NAME', least: 12 },
      { title: 'STATE' },
      { title: 'REALM', least: 8 },
      { title: 'VMS', align: 'right' },
      { title: 'WAITING', align: 'right' },
      { title: 'AGE', align: 'right' },
      { title: 'ID', least: 8 },
      { title: 'REASON', least: 10 },
    ],
  });
  const row = (host: HostView): Cell[] => [
    { text: printable(host.name) },
    { text: host.mode === 'active' ? host.state : `${host.state} (${host.mode})`, tone: hostTone(host.state) },
    { text: printable(host.realm) },
    { text: String(host.vms) },
    { text: host.waiting === 0 ? '-' : String(host.waiting), tone: host.waiting === 0 ? 'dim' : 'yellow' },
    { text: ageText(host.ageMs), tone: 'dim' },
    { text: printable(host.id), tone: 'dim' },
    { text: printable(host.reason) },
  ];
  return (hosts) => table.portion(hosts.map(row));
}

export function historyTable(looks: Looks): Lines<HistoryView> {
  const table = new TableWriter({
    ...looks,
    columns: [{ title: 'WHEN' }, { title: 'BY', least: 8 }, { title: 'WHAT' }, { title: 'DETAIL', least: 20 }],
  });
  const row = ({ at, by, name, data, via }: HistoryView): Cell[] => {
    const { what, text, tone } = describeEvent(name, data);
    return [
      { text: dateText(at), tone: 'dim' },
      { text: printable(by) },
      { text: what, tone },
      { text: via === '' ? text : `${text} (${via})` },
    ];
  };
  return (entries) => table.portion(entries.map(row));
}

function vmStateCell({ state, lastState, conflict, conditions }: VMView): Cell {
  const last = lastState === undefined || state === 'gone' ? '' : ` (${lastState})`;
  const split = conflict.length > 0 ? ` on ${conflict.length} hosts` : '';
  const wrong = conditions.length > 0 ? ` [${conditions.join(' ')}]` : '';
  const alarming = split !== '' || wrong !== '';
  return { text: `${state}${last}${split}${wrong}`, tone: alarming ? 'red' : vmTone(state) };
}

/** All of them for a program; for people the first that can be reached, and how many there are besides. */
function addressText(addresses: VMView['addresses'], whole: boolean): string {
  const texts = addresses.filter(({ scope }) => scope !== 'link').map(({ address }) => printable(address));
  const [first] = texts;
  if (first === undefined) return '-';
  if (whole) return texts.join(',');
  return texts.length === 1 ? first : `${first} +${texts.length - 1}`;
}
