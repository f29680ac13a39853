export const rpcOptions = {
  driver: { type: 'text', default: 'nats', among: ['nats', 'memory'], help: 'driver of the bus library to measure' },
  'in-flight': { type: 'text', default: '1,64,1024', help: 'calls under way at a time, one run for each' },
  payload: { type: 'number', default: 1024, from: 0, to: 1_000_000, help: 'bytes of request and of reply' },
  pairs: { type: 'number', default: 10, from: 1, to: 1_000, help: 'slices of each side, taken in turn' },
  'slice-ms': { type: 'number', default: 500, from: 20, to: 60_000, help: 'length of a slice' },
  rate: { type: 'number', from: 1, to: 1_000_000, help: 'open loop: calls a second, instead of calls under way' },
  paced: { type: 'number', from: 1, to: 100_000, help: "polls a second of the monitor's path beside bare ones (P1)" },
  payloads: { type: 'text', default: 'recorded', among: ['recorded'], help: 'what the polls of --paced bring back' },
  seconds: { type: 'number', default: 20, from: 1, to: 3_600, help: 'with --paced: how long each side is measured' },
  profiles: { type: 'text', help: 'folder for a CPU profile of every process' },
  json: { type: 'text', help: 'file for the results' },
} as const;
