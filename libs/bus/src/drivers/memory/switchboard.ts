import { type Indexed, SubjectIndex } from '../../subject-index.ts';
import type { MemoryServer } from './server.ts';

/** The servers that share the requests of one pattern; a server without a group is alone in its own. */
export class ServerGroup implements Indexed {
  indexMark = 0;
  readonly servers: MemoryServer[] = [];
  #turn = 0;

  /** The next server in turn that is not busy; undefined when all are. */
  pick(): MemoryServer | undefined {
    const { servers } = this;
    for (let tried = 0; tried < servers.length; tried++) {
      this.#turn = (this.#turn + 1) % servers.length;
      const server = servers[this.#turn];
      if (server !== undefined && !server.busy) return server;
    }
    return undefined;
  }
}

/** Who serves what. */
export class Switchboard {
  readonly #index = new SubjectIndex<ServerGroup>();
  readonly #groupOf = new Map<MemoryServer, ServerGroup>();
  readonly #shared = new Map<string, ServerGroup>();

  add(server: MemoryServer): void {
    const key = keyOf(server);
    let group = key === undefined ? undefined : this.#shared.get(key);
    if (group === undefined) {
      group = new ServerGroup();
      this.#index.add(server.pattern, group);
      if (key !== undefined) this.#shared.set(key, group);
    }
    group.servers.push(server);
    this.#groupOf.set(server, group);
  }

  /** Takes a server out; nothing happens if it was not in. */
  remove(server: MemoryServer): void {
    const group = this.#groupOf.get(server);
    if (group === undefined) return;
    this.#groupOf.delete(server);
    group.servers.splice(group.servers.indexOf(server), 1);
    if (group.servers.length > 0) return;
    this.#index.remove(server.pattern, group);
    const key = keyOf(server);
    if (key !== undefined) this.#shared.delete(key);
  }

  /** The groups that serve a subject. */
  find(subject: string): ServerGroup[] {
    const found: ServerGroup[] = [];
    this.#index.match(subject, found);
    return found;
  }
}

/** Neither a group nor a pattern contains a space. */
function keyOf(server: MemoryServer): string | undefined {
  return server.group === undefined ? undefined : `${server.group} ${server.pattern}`;
}
