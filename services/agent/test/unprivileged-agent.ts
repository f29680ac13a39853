/** The agent as a process of its own, for the tests that need another user: `node unprivileged-agent.ts CONFIG-AS-JSON`. */
import { runAgent } from '../src/index.ts';

const controller = new AbortController();
process.on('SIGTERM', () => controller.abort());
const config = JSON.parse(process.argv[2] ?? '') as Parameters<typeof runAgent>[0];
await runAgent(config, { signal: controller.signal, env: process.env, version: 'test' });
