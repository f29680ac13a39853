export { configSchema, publishedConfigSchema } from './config/schema.ts';
export { commandExitCodes, exitCodeTable } from './exit-codes.ts';
export { buildProgram } from './program.ts';
