import { escapeToken } from '@vedette/model';

/** What was asked of a host in turn, in 2013. */
export const classicVerbs = ['getVMList', 'getAllVmStats'] as const;
export type ClassicVerb = (typeof classicVerbs)[number];

export function classicSubject(host: string, verb: ClassicVerb | '*'): string {
  return `vedette.v1.loadgen.classic.${escapeToken(host)}.${verb}`;
}
