import { writeSync } from 'node:fs';
import { RealClock } from '@vedette/runtime';
import { createLogger, stderrDestination } from '@vedette/telemetry';

/** Logs 8 MiB to a standard error that nobody reads, then says how many lines were dropped, and goes on running. */
let dropped = 0;
const clock = new RealClock();
const logger = createLogger({ clock, destination: stderrDestination({ onDrop: () => dropped++ }) });
const text = 'x'.repeat(1_000);
for (let at = 0; at < 8_192; at++) logger.info({ at }, text);
await clock.sleep(10);
logger.info('still running');
writeSync(1, `${JSON.stringify({ dropped })}\n`);
process.once('SIGTERM', () => process.exit(0));
await clock.sleep(60_000);
