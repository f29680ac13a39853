import { agentsEndToEnd } from './agents-suite.ts';

await agentsEndToEnd(1_000);
