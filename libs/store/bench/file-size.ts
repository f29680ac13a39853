import { DatabaseSync } from 'node:sqlite';

/** Bytes of each table and index of a closed store file, the largest first. */
export function bytesByTable(path: string): Array<{ readonly name: string; readonly bytes: number }> {
  const database = new DatabaseSync(path, { readOnly: true });
  const rows = database
    .prepare('SELECT name, sum(pgsize) AS bytes FROM dbstat GROUP BY name ORDER BY bytes DESC')
    .all();
  database.close();
  return rows.map(({ name, bytes }) => ({ name: String(name), bytes: Number(bytes) }));
}

/** What grows with the number of VMs; the logs have bounds of their own. */
export function isOfVMs(name: string): boolean {
  return !['fleet_log', 'history', 'sqlite_schema', 'counters'].includes(name);
}
