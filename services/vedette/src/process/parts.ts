/** The parts of the process, loaded all at once: half a second of work that need not wait for the store. */
export async function loadParts() {
  const [{ createMemoryBroker }, { createUpdater }, { createHostMonitor }, { createApi }] = await Promise.all([
    import('@vedette/bus/memory'),
    import('@vedette/updater'),
    import('@vedette/host-monitor'),
    import('@vedette/api'),
  ]);
  return { createMemoryBroker, createUpdater, createHostMonitor, createApi };
}

export type Parts = Awaited<ReturnType<typeof loadParts>>;
