import type { Command } from '../../engine/front.ts';
import { runThread } from './thread-main.ts';
import { Writer, type WriterOptions } from './writer.ts';

/** The thread that writes: one command after the other. */

let writer: Writer | undefined;

runThread<WriterOptions>({
  open(options) {
    writer = new Writer(options);
    return writer.run('start', []);
  },
  answer: (name, args) => writer?.run(name as Command, args as never),
  close() {
    writer?.close();
    writer = undefined;
  },
});
