import { exitCodes, RealClock, RunGroup, runUntilSignal } from '@vedette/runtime';

/** One part that would run for ever; says what happens to it. */
const clock = new RealClock();
const life = new AbortController();
const group = new RunGroup({
  clock,
  parts: [
    {
      name: 'work',
      start: () => {
        void clock.sleep(60_000, { signal: life.signal }).catch(() => undefined); // keeps the process alive
        return Promise.resolve();
      },
      stop: () => {
        console.log('stopped');
        life.abort();
        return Promise.resolve();
      },
    },
  ],
  onEvent: (event) => {
    if (event.kind === 'state' && event.state === 'running') console.log('started');
  },
});
const outcome = await runUntilSignal(group);
console.log(`ended: ${outcome.state}`);
process.exitCode = outcome.state === 'stopped' ? exitCodes.ok : exitCodes.failure;
