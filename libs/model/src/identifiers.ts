import Type from 'typebox';
import { escapeToken } from './subjects.ts';

/** Longest escaped form of one identifier, in bytes: two of them and the longest prefix stay below 200 (subjects.ts). */
export const maxTokenBytes = 80;

/** A host, VM, observer, member or realm identifier as it stands in documents. */
export const Identifier = Type.String({ minLength: 1, maxLength: maxTokenBytes });

/**
 * Whether `id` can be an identifier: not empty, well-formed Unicode, no control characters, no reserved key, and at
 * most {@link maxTokenBytes} when escaped for a subject. Anything else is refused at the door (scenario D2).
 */
export function isIdentifier(id: unknown): id is string {
  if (typeof id !== 'string' || id.length === 0 || id.length > maxTokenBytes) return false;
  if (!id.isWellFormed() || hasControlCharacter(id) || isReservedKey(id)) return false;
  return escapeToken(id).length <= maxTokenBytes;
}

/**
 * Whether `key` means something to the language on every object. No document may carry it (scenario D1), hence no
 * identifier may be it: identifiers are keys of some documents.
 */
export function isReservedKey(key: string): boolean {
  return key === '__proto__' || key === 'constructor' || key === 'prototype';
}

function hasControlCharacter(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}

/** The observer identifier of a provider account, beside those of hosts (which never start with `@`). */
export function providerObserver(provider: string): string {
  return `@${provider}`;
}

export function isProviderObserver(observer: string): boolean {
  return observer.startsWith('@');
}
