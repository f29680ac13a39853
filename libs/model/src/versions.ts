import Type from 'typebox';

/**
 * Orders the events of one observer: `epoch` is minted by the store each time the observer starts, `seq` counts its
 * events within that epoch, from 1. Versions of different observers are not comparable.
 */
export const Version = Type.Object(
  {
    epoch: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
    seq: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
  },
  { additionalProperties: false },
);
export type Version = Readonly<Type.Static<typeof Version>>;

/** Older than every version that an observer can mint. */
export const zeroVersion: Version = Object.freeze({ epoch: 0, seq: 0 });

/** Negative, zero or positive as `a` is older than, the same as, or newer than `b`. */
export function compareVersions(a: Version, b: Version): number {
  return a.epoch - b.epoch || a.seq - b.seq;
}
