import { open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { checkSchema, parseJson } from '@vedette/model';
import { VedetteError } from '@vedette/runtime';
import Type from 'typebox';
import '../errors.ts';

const text = Type.String({ minLength: 1, maxLength: 512 });

/** A start as it stands in the file; without an outcome: begun, and nobody has written down what came of it. */
export const IntentRecord = Type.Object(
  {
    host: text,
    intentId: text,
    vm: text,
    notAfter: text,
    outcome: Type.Optional(Type.Enum(['started', 'active', 'expired', 'refused'])),
    detail: Type.Optional(Type.String({ maxLength: 4_096 })),
  },
  { additionalProperties: false },
);
export type IntentRecord = Readonly<Type.Static<typeof IntentRecord>>;

const IntentDocument = Type.Object({ version: Type.Literal(1), intents: Type.Array(IntentRecord) });

const fileLimits = { maxBytes: 32 * 1024 * 1024, maxDepth: 4 };

/** Where starts are kept over restarts of the agent. */
export interface IntentFile {
  load(): Promise<readonly IntentRecord[]>;
  /** Resolves when they would survive a loss of power. One call at a time. */
  save(records: readonly IntentRecord[]): Promise<void>;
}

/** Remembers nothing: for agents of simulated hosts. */
export const noIntentFile: IntentFile = {
  load: () => Promise.resolve([]),
  save: () => Promise.resolve(),
};

/**
 * A small JSON file, replaced as a whole: written beside, flushed, renamed.
 *
 * @throws VedetteError VDT_AGENT_STATE_FILE from its methods; a file that is not ours is never overwritten
 */
export function intentFile(path: string): IntentFile {
  return {
    load: () => told(path, () => loadFrom(path)),
    save: (records) => told(path, () => saveTo(path, records)),
  };
}

async function loadFrom(path: string): Promise<readonly IntentRecord[]> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined; // the first start
    throw error;
  });
  if (bytes === undefined) return [];
  const parsed = parseJson(bytes, fileLimits);
  const checked = parsed.ok ? checkSchema(IntentDocument, parsed.value) : parsed;
  if (checked.ok) return checked.value.intents;
  throw new VedetteError('VDT_AGENT_STATE_FILE', {
    message: `${path} is not a state file of this agent: ${checked.fault.message}`,
    path: checked.fault.path,
    action: 'restore the file, or move it away: then starts that were asked for before may be repeated',
  });
}

async function saveTo(path: string, intents: readonly IntentRecord[]): Promise<void> {
  const beside = `${path}.new`;
  const file = await open(beside, 'w', 0o600);
  try {
    await file.writeFile(JSON.stringify({ version: 1, intents }));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(beside, path);
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function told<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (VedetteError.is(error)) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new VedetteError('VDT_AGENT_STATE_FILE', { message: `${path}: ${why}`, cause: error });
  }
}
