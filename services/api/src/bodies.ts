import { HostMode, Identifier } from '@vedette/model';
import Type from 'typebox';
import type { Objection } from './queries.ts';

/** What the bodies of requests say, as schemas that the door and the OpenAPI document share. */

const closed = { additionalProperties: false } as const;

/** Largest body that is read. */
export const maxBodyBytes = 16 * 1024;

export const AddHostBody = Type.Object(
  {
    url: Type.Optional(
      Type.String({ minLength: 1, maxLength: 2_048, description: 'how the host is reached; never contains a secret' }),
    ),
    address: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 253,
        description: 'in place of a URL: a name or address, of which the group makes one',
      }),
    ),
    group: Type.Optional(
      Type.String({ minLength: 1, maxLength: 80, description: "a group of the process's configuration" }),
    ),
    name: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 80,
        description: 'what people call it; default: the address, or the machine of the URL',
      }),
    ),
    id: Type.Optional(Identifier),
    realm: Type.Optional(Identifier),
  },
  { ...closed, title: 'AddHost' },
);
export type AddHostBody = Readonly<Type.Static<typeof AddHostBody>>;

export const HostModeBody = Type.Object({ mode: HostMode }, { ...closed, title: 'SetHostMode' });
export type HostModeBody = Readonly<Type.Static<typeof HostModeBody>>;

export function objectToAddHost({ url, address, group }: AddHostBody): Objection | undefined {
  if (url === undefined && address === undefined) return { parameter: 'address', message: 'or a url has to be given' };
  if (url !== undefined && address !== undefined) return { parameter: 'url', message: 'cannot go with an address' };
  if (address !== undefined && group === undefined) {
    return { parameter: 'group', message: 'has to be given with an address: it says how the host is reached' };
  }
  return undefined;
}
