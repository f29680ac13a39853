import { parentPort } from 'node:worker_threads';
import { isStepwise, type Stepwise } from '../../engine/stepwise.ts';
import { reportOf, storeError } from './faults.ts';
import { closeRequest, openRequest, type ThreadReply, type ThreadRequest } from './messages.ts';

/** What a thread of the store does with the file that it was given. */
export interface ThreadRole<F extends { readonly path: string }> {
  /** Opens the file; what it returns goes back to the caller. Throws when it cannot be opened, holding nothing. */
  open(file: F): unknown;
  /** Answers a request about the open file, at once or in steps. */
  answer(name: string, args: readonly unknown[]): unknown;
  close(): void;
}

/**
 * The body of a thread: opens a file when asked to, answers about it, closes it, and is then ready for the next one.
 * Requests are answered in the order in which they come; those that work in steps take turns (D5).
 */
export function runThread<F extends { readonly path: string }>(role: ThreadRole<F>): void {
  const port = parentPort;
  if (port === null) throw new Error('this module is the entry of a worker thread');
  let path = '';

  const reply = (message: ThreadReply): void => port.postMessage(message);
  const attempt = (id: number, work: () => void): void => {
    try {
      work();
    } catch (error) {
      reply({ id, error: reportOf(storeError(error, path)) });
    }
  };
  const step = (id: number, steps: Stepwise<unknown>): void =>
    attempt(id, () => {
      const { done, value } = steps.next();
      if (done) reply({ id, result: value });
      else setImmediate(step, id, steps);
    });
  const handle = (name: string, args: readonly unknown[]): unknown => {
    if (name === closeRequest) return role.close();
    if (name !== openRequest) return role.answer(name, args);
    const [file] = args as [F];
    path = file.path;
    return role.open(file);
  };

  port.on('message', ({ id, name, args }: ThreadRequest) =>
    attempt(id, () => {
      const result = handle(name, JSON.parse(args) as readonly unknown[]);
      if (isStepwise(result)) step(id, result);
      else reply({ id, result });
    }),
  );
}
