export {
  type BenchReport,
  type BenchTable,
  benchDocument,
  benchText,
  type Cell,
  describeCommit,
  describeMachine,
  type Machine,
  tellBench,
  textTable,
  type Verdict,
} from './bench-report.ts';
export { type CommandOptions, runCommand } from './command.ts';
export { type EventuallyOptions, eventually } from './eventually.ts';
export { freePort } from './free-port.ts';
export { type Exit, type ProcessOptions, RunningProcess, startProcess } from './process.ts';
export { type CutOptions, startTcpProxy, TcpProxy, type TcpProxyOptions } from './tcp-proxy.ts';
export { type TempDir, tempDir } from './temp-dir.ts';
