export { type CommandOptions, runCommand } from './command.ts';
export { type EventuallyOptions, eventually } from './eventually.ts';
export { freePort } from './free-port.ts';
export { type Exit, type ProcessOptions, RunningProcess, startProcess } from './process.ts';
export { type TempDir, tempDir } from './temp-dir.ts';
