/** Where the library and the bare client ask; no durable stream follows either. */
export const rpcSubjects = { library: 'vedette.v1.loadgen.library', bare: 'vedette.v1.loadgen.bare' } as const;
