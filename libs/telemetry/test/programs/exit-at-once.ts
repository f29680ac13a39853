import { RealClock } from '@vedette/runtime';
import { createLogger } from '@vedette/telemetry';

const logger = createLogger({ clock: new RealClock(), format: 'pretty' });
for (let at = 0; at < 1_000; at++) logger.info({ at }, 'one of many');
process.exit(3);
