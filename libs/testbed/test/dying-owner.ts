/** A test run that crashes: it starts a server, writes down its process id, and is killed. */
import { writeFileSync } from 'node:fs';
import { startProcess } from '@vedette/testbed';

const server = await startProcess({ command: 'sleep', args: ['600'], ready: () => Promise.resolve() });
writeFileSync(process.argv[2] ?? '', String(server.pid));
process.kill(process.pid, 'SIGKILL');
