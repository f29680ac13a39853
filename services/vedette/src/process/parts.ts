/** The parts of the process, loaded all at once: half a second of work that need not wait for the store. */
export async function loadParts() {
  const [{ createUpdater }, { createHostMonitor }, { createApi }] = await Promise.all([
    import('@vedette/updater'),
    import('@vedette/host-monitor'),
    import('@vedette/api'),
  ]);
  return { createUpdater, createHostMonitor, createApi };
}

export type Parts = Awaited<ReturnType<typeof loadParts>>;
