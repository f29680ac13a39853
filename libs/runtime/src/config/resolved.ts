import type Type from 'typebox';
import type { TByteSize, TDuration } from './schema.ts';

/**
 * What a configuration schema resolves to: every key is there, deeply read-only; durations and sizes are numbers
 * under a key that carries their unit (`pollInterval` -> `pollIntervalMs`, `maxSize` -> `maxSizeBytes`); keys that
 * may be left out without a default are `undefined`.
 */
export type Resolved<S extends Type.TSchema> = S extends TDuration | TByteSize
  ? number
  : S extends Type.TObject<infer Properties>
    ? ResolvedSection<Properties>
    : S extends Type.TArray<infer Item extends Type.TSchema>
      ? readonly Resolved<Item>[]
      : S extends Type.TRecord<string, infer Value extends Type.TSchema>
        ? Readonly<Record<string, Resolved<Value>>>
        : S extends Type.TUnion<infer Options extends Type.TSchema[]>
          ? ResolvedOneOf<Options[number]>
          : Type.Static<S>;

type ResolvedOneOf<Option extends Type.TSchema> = Option extends Type.TSchema ? Resolved<Option> : never;

type ResolvedSection<Properties extends Type.TProperties> = {
  readonly [Key in keyof Properties & string as `${Key}${Suffix<Properties[Key]>}`]: ResolvedKey<Properties[Key]>;
};

type ResolvedKey<S extends Type.TSchema> = S extends { '~optional': true } ? Resolved<S> | undefined : Resolved<S>;

/** Lists and tables of quantities carry the unit in their own key. */
type Suffix<S extends Type.TSchema> = S extends TDuration
  ? 'Ms'
  : S extends TByteSize
    ? 'Bytes'
    : S extends Type.TArray<infer Item extends Type.TSchema>
      ? Suffix<Item>
      : S extends Type.TRecord<string, infer Value extends Type.TSchema>
        ? Suffix<Value>
        : '';
