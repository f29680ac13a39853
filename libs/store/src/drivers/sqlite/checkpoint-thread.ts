import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { checkpointState } from './checkpoints.ts';

/** The thread that moves what was written ahead into the file (C1, C2 of checkpoints.ts). */

export type CheckpointRequest = 'move' | 'end';

const { path, state } = workerData as { readonly path: string; readonly state: Int32Array };
let database: DatabaseSync | undefined;

function tell(now: number): void {
  Atomics.store(state, 0, now);
  Atomics.notify(state, 0);
}

function move(): void {
  try {
    database ??= new DatabaseSync(path);
    database.exec('PRAGMA wal_checkpoint(PASSIVE)');
  } catch {
    // C2: tried again when more was written; an error of the disk meets the writing connection as well, which tells it.
  }
  tell(checkpointState.idle);
}

function end(): void {
  try {
    database?.close();
  } finally {
    tell(checkpointState.ended);
    parentPort?.close();
  }
}

parentPort?.on('message', (request: CheckpointRequest) => (request === 'move' ? move() : end()));
