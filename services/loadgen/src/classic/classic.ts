import { type OptionValues, readOptions } from '../harness/options.ts';
import type { Workload, WorkloadOutcome } from '../workload.ts';
import { classicOptions } from './options.ts';
import { type ClassicRun, runClassic } from './run.ts';

/** The scheme of 2013, to compare with (P2): every host in a loop, for everything. */
export const classicWorkload: Workload = {
  name: 'classic',
  summary: 'the scheme of 2013 over the same bus: every host asked for everything every 15 s (the baseline of P2)',
  options: classicOptions,
  run: async (argv, context) => {
    const options = readOptions(classicOptions, argv);
    return reportClassic(options, await runClassic(options, context));
  },
};

/** As it was measured: 1.3 GiB in 20 min for 10,000 VMs (docs/performance.md). */
const measuredIn2013 = 7_000;

function reportClassic(settings: OptionValues<typeof classicOptions>, run: ClassicRun): WorkloadOutcome {
  const { size, cost, counted, bytesPerVmMinute } = run;
  const costs = cost.processes.map(({ name, share, memory }) => ({
    process: name,
    'of the machine %': 100 * share,
    'RSS MiB': memory.rssMiB,
  }));
  const row = {
    cycles: counted.cycles,
    failed: counted.failedCycles,
    'B per VM-minute': bytesPerVmMinute,
    'in 2013': measuredIn2013,
    'changes seen': counted.changesSeen,
    'others %': 100 * cost.foreignShare,
  };
  return {
    failures: counted.failedCycles > 0 ? [`${counted.failedCycles} cycles failed`] : [],
    json: settings.json,
    report: {
      figures: ['P2'],
      what: `the classic scheme: ${size.hosts} hosts x ${size.vmsPerHost} VMs, getVMList and getAllVmStats in turn`,
      settings: { ...settings, ...size, broker: run.broker, connections: run.connections },
      results: run,
      verdicts: [],
      notMeasured: [
        'headers of TCP and IP, XML-RPC, TLS; what was asked of hosts besides (getVdsStats, getVdsCapabilities)',
        'what the engine did with it beyond comparing the status',
      ],
      tables: [
        { title: 'processors and memory', rows: costs },
        { title: 'what it took', rows: [row] },
      ],
    },
  };
}
