import { RealClock, withDeadline } from '@vedette/runtime';

/** What a server says of JetStream's meta group; the rest of its answer is left out. */
export interface MetaGroup {
  /** The name of the leading server; empty while there is none. */
  readonly leader?: string;
  readonly cluster_size: number;
  readonly replicas?: readonly { readonly name: string; readonly current: boolean; readonly offline?: boolean }[];
}

/** One question to a server's monitoring port, as `/jsz`. */
export async function askMonitor<T>(monitorUrl: string, path: string, timeoutMs = 5_000): Promise<T> {
  const what = `${monitorUrl}${path}`;
  return withDeadline(new RealClock(), { what, timeoutMs }, async (signal) => {
    const response = await fetch(what, { signal });
    if (!response.ok) throw new Error(`${what}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  });
}

/** @throws Error with the server's words while JetStream is not usable */
export async function expectHealthy(monitorUrl: string): Promise<void> {
  await askMonitor(monitorUrl, '/healthz');
}

/** JetStream's meta group as this server sees it; undefined where it is not of a cluster. */
export async function metaGroup(monitorUrl: string): Promise<MetaGroup | undefined> {
  const { meta_cluster: found } = await askMonitor<{ readonly meta_cluster?: MetaGroup }>(monitorUrl, '/jsz');
  return found;
}

interface StreamsAnswer {
  readonly account_details?: readonly {
    readonly stream_detail?: readonly { readonly name: string; readonly cluster?: { readonly leader?: string } }[];
  }[];
}

/** The leader of a stream, of whatever account, as this server sees it; undefined while there is none. */
export async function streamLeader(monitorUrl: string, stream: string): Promise<string | undefined> {
  const { account_details: accounts = [] } = await askMonitor<StreamsAnswer>(monitorUrl, '/jsz?streams=true');
  const streams = accounts.flatMap(({ stream_detail = [] }) => stream_detail);
  return streams.find(({ name }) => name === stream)?.cluster?.leader;
}
