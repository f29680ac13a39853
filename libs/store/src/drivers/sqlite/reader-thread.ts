import type { Query } from '../../engine/front.ts';
import { openForReading, type Reading } from './reading.ts';
import { runThread } from './thread-main.ts';

/** The thread that reads: queries take turns, each doing a bounded piece of work at a time (D5). */

let file: Reading | undefined;

runThread<{ readonly path: string }>({
  open({ path }) {
    file = openForReading(path);
  },
  answer: (name, args) => file?.query(name as Query, args),
  close() {
    file?.close();
    file = undefined;
  },
});
