import { VedetteError } from '@vedette/runtime';
import { describe, expect } from 'vitest';
import type { Bus, Request, ServeOptions, Subscription } from '../port.ts';
import { amplyMs, bytes, declaredScene, failureOf, gate, longMs, type Scene, scene, shortMs, text } from './scene.ts';
import type { ConformanceTarget } from './target.ts';

/** Calls, casts and fan-outs: deadlines that travel, cancellation, bounded servers, remote errors (B4). */
export function requestsConformance(target: ConformanceTarget): void {
  describe('call', () => {
    scene(target, 'a call returns the reply, byte for byte', async (s) => {
      const bus = await s.connect();
      await serve(s, await s.connect(), ({ payload }) => payload.map((byte) => byte ^ 0xff));
      const every = Uint8Array.from({ length: 256 }, (_, at) => at);
      const reply = await s.within(bus.call(s.request, every, { timeoutMs: longMs }));
      expect(Buffer.from(reply)).toEqual(Buffer.from(every.map((byte) => byte ^ 0xff)));
      expect(bus.counters).toMatchObject({ calls: 1, callsFailed: 0 });
    });

    scene(target, 'many calls at once each get their own reply', async (s) => {
      const bus = await s.connect();
      await serve(s, await s.connect(), ({ payload }) => bytes(`re: ${text(payload)}`), { concurrency: 200 });
      const calls = s.numbered(0, 200).map((each) => bus.call(s.request, bytes(each), { timeoutMs: longMs }));
      const replies = await s.within(Promise.all(calls));
      expect(replies.map(text)).toEqual(s.numbered(0, 200).map((each) => `re: ${each}`));
    });

    scene(target, 'servers of one group share the requests of their pattern', async (s) => {
      const bus = await s.connect();
      const served = [0, 0];
      for (const at of [0, 1]) {
        const count = (): Uint8Array => {
          served[at] = (served[at] ?? 0) + 1;
          return bytes(`${at}`);
        };
        // oxlint-disable-next-line no-await-in-loop -- two servers, one after the other
        await serve(s, await s.connect(), count, { group: s.group() });
      }
      const calls = s.numbered(0, 60).map((each) => bus.call(s.request, bytes(each), { timeoutMs: longMs }));
      await s.within(Promise.all(calls));
      expect((served[0] ?? 0) + (served[1] ?? 0)).toBe(60);
      expect(Math.min(...served)).toBeGreaterThan(0);
    });

    scene(target, 'a group whose last server has closed can be served again', async (s) => {
      const bus = await s.connect();
      for (const each of ['first', 'second']) {
        // oxlint-disable no-await-in-loop -- one server after the other
        const serving = await serve(s, await s.connect(), () => bytes(each), { group: s.group() });
        expect(text(await s.within(bus.call(s.request, bytes(''), { timeoutMs: longMs })))).toBe(each);
        await s.within(serving.close());
        // oxlint-enable no-await-in-loop
      }
    });

    scene(target, 'servers without a group all get the request; the first answer counts', async (s) => {
      const bus = await s.connect();
      const stuck = gate();
      let seen = 0;
      for (const reply of [stuck.opened.then(() => bytes('slow')), bytes('quick')]) {
        const handler = (): Promise<Uint8Array> | Uint8Array => {
          seen++;
          return reply;
        };
        // oxlint-disable-next-line no-await-in-loop -- two servers, one after the other
        await serve(s, await s.connect(), handler);
      }
      expect(text(await s.within(bus.call(s.request, bytes(''), { timeoutMs: longMs })))).toBe('quick');
      await s.until(() => seen === 2);
      stuck.open();
    });

    declaredScene(target, 'noResponders', 'a call or cast that nobody serves fails at once', async (s) => {
      const bus = await s.connect();
      const options = { timeoutMs: longMs };
      const expected = { code: 'VDT_BUS_NO_RESPONDERS', retryable: true };
      expect(await s.atOnce(() => bus.call(s.request, bytes(''), options))).toMatchObject(expected);
      expect(await s.atOnce(() => bus.cast(s.request, bytes(''), options))).toMatchObject(expected);
      await (await serve(s, bus, () => bytes(''))).close();
      expect(await s.atOnce(() => bus.call(s.request, bytes(''), options))).toMatchObject(expected);
      expect(bus.counters.callsFailed).toBe(3);
    });

    scene(target, 'the deadline ends the call and reaches the handler', async (s) => {
      const bus = await s.connect();
      const { requests, server } = await serveNever(s);
      const failure = await s.within(failureOf(bus.call(s.request, bytes(''), { timeoutMs: shortMs })));
      expect(failure).toMatchObject({ code: 'VDT_BUS_DEADLINE', retryable: true });
      await s.until(() => requests[0]?.signal.aborted === true, 'the handler was not told');
      await s.quiet();
      expect(requests).toHaveLength(1);
      expect(server.counters.handlerErrors).toBe(0); // giving up when told to is no fault
    });

    scene(target, 'a handler that looks at its signal only after the deadline finds it aborted', async (s) => {
      const bus = await s.connect();
      const stuck = gate();
      const seen: boolean[] = [];
      await serve(s, await s.connect(), async (request) => {
        await stuck.opened;
        seen.push(request.signal.aborted);
        return request.payload;
      });
      await s.within(failureOf(bus.call(s.request, bytes(''), { timeoutMs: shortMs })));
      await s.quiet();
      stuck.open();
      await s.until(() => seen.length === 1);
      expect(seen).toEqual([true]);
    });

    scene(target, 'the signal of a handler in good time does not abort', async (s) => {
      const bus = await s.connect();
      const requests: Request[] = [];
      await serve(s, bus, (request) => {
        requests.push(request);
        return bytes(`${request.signal.aborted}`);
      });
      expect(text(await s.within(bus.call(s.request, bytes(''), { timeoutMs: amplyMs })))).toBe('false');
      await target.wait(amplyMs * 2);
      expect(requests[0]?.signal.aborted).toBe(false);
    });

    scene(target, 'a caller that gives up gets its own reason, and the handler is told', async (s) => {
      const bus = await s.connect();
      const { requests } = await serveNever(s);
      const controller = new AbortController();
      const call = failureOf(bus.call(s.request, bytes(''), { timeoutMs: longMs, signal: controller.signal }));
      await s.until(() => requests.length === 1);
      const reason = new Error('changed my mind');
      controller.abort(reason);
      expect(await s.within(call)).toBe(reason);
      await s.until(() => requests[0]?.signal.aborted === true, 'the handler was not told');
    });

    scene(target, 'a signal aborted before the call sends nothing', async (s) => {
      const bus = await s.connect();
      const { requests } = await serveNever(s);
      const consumer = await s.consume(bus);
      const options = { timeoutMs: longMs, signal: AbortSignal.abort(new Error('too late')) };
      const failures = [
        await s.atOnce(() => bus.call(s.request, bytes(''), options)),
        await s.atOnce(() => bus.cast(s.request, bytes(''), options)),
        await s.atOnce(() => s.collect(bus.fanOut(s.request, bytes(''), options))),
        await s.atOnce(() => bus.publish(s.messages(1), options)),
        await s.atOnce(() => bus.consume({ group: s.group(), patterns: [s.events], maxInFlight: 1, ...options })),
      ];
      for (const failure of failures) expect(failure).toMatchObject({ message: 'too late' });
      expect(await s.idle(consumer.next(1))).toBe(true);
      expect(requests).toEqual([]);
    });

    scene(target, 'a request whose deadline passes while it waits is never begun', async (s) => {
      const bus = await s.connect();
      const begun: string[] = [];
      const stuck = gate();
      const handler = async ({ payload }: Request): Promise<Uint8Array> => {
        begun.push(text(payload));
        await stuck.opened;
        return payload;
      };
      await serve(s, await s.connect(), handler, { concurrency: 1, maxQueued: 10 });
      const first = bus.call(s.request, bytes('first'), { timeoutMs: longMs });
      await s.until(() => begun.length === 1);
      const late = await s.within(failureOf(bus.call(s.request, bytes('late'), { timeoutMs: shortMs })));
      expect(late).toMatchObject({ code: 'VDT_BUS_DEADLINE' });
      stuck.open();
      await s.within(first);
      expect(text(await s.within(bus.call(s.request, bytes('next'), { timeoutMs: longMs })))).toBe('next');
      expect(begun).toEqual(['first', 'next']);
    });

    scene(
      target,
      'B3: `concurrency` handlers run, `maxQueued` requests wait, the next is refused as busy at once',
      async (s) => {
        const bus = await s.connect();
        const stuck = gate();
        let [running, most] = [0, 0];
        const handler = async ({ payload }: Request): Promise<Uint8Array> => {
          most = Math.max(most, ++running);
          await stuck.opened;
          running--;
          return payload;
        };
        await serve(s, await s.connect(), handler, { concurrency: 2, maxQueued: 3 });
        const calls = s.numbered(0, 5).map((each) => bus.call(s.request, bytes(each), { timeoutMs: longMs }));
        await s.until(() => running === 2);
        await s.quiet();
        const refused = await s.atOnce(() => bus.call(s.request, bytes(''), { timeoutMs: longMs }));
        expect(refused).toMatchObject({ code: 'VDT_BUS_BUSY', retryable: true });
        expect(await s.atOnce(() => bus.cast(s.request, bytes(''), { timeoutMs: longMs }))).toMatchObject({
          code: 'VDT_BUS_BUSY',
        });
        stuck.open();
        expect((await s.within(Promise.all(calls))).map(text)).toEqual(s.numbered(0, 5));
        expect(most).toBe(2);
      },
    );

    scene(target, 'a handler that hangs delays no other server', async (s) => {
      const bus = await s.connect();
      await serveNever(s, { concurrency: 1, maxQueued: 0 });
      const other = `vedette.v1.observer.${s.token}.documents`;
      await serve(s, await s.connect(), () => bytes('here'), { pattern: other });
      const hung = failureOf(bus.call(s.request, bytes(''), { timeoutMs: longMs }));
      expect(await s.atOnce(() => bus.call(other, bytes(''), { timeoutMs: longMs }))).toBe(undefined);
      await s.within(bus.close({ timeoutMs: shortMs }));
      expect(await hung).toMatchObject({ code: 'VDT_BUS_CLOSED' });
    });

    scene(target, "a server's error reaches the caller with code, message and retryable flag", async (s) => {
      const bus = await s.connect();
      await serve(s, await s.connect(), async () => {
        throw new VedetteError('VDT_BUS_FULL', { message: 'no room in the store', action: 'wait', path: '/rows/3' });
      });
      const failure = await s.within(failureOf(bus.call(s.request, bytes(''), { timeoutMs: longMs })));
      expect(failure).toMatchObject({
        code: 'VDT_BUS_REMOTE',
        remoteCode: 'VDT_BUS_FULL',
        message: 'no room in the store',
        retryable: true,
        action: 'wait',
        path: '/rows/3',
      });
      expect(bus.counters.callsFailed).toBe(1);
    });

    scene(target, 'any other exception of a handler reaches the caller as not retryable', async (s) => {
      const bus = await s.connect();
      await serve(s, await s.connect(), () => {
        throw new TypeError('x is undefined');
      });
      const failure = await s.within(failureOf(bus.call(s.request, bytes(''), { timeoutMs: longMs })));
      expect(failure).toMatchObject({ code: 'VDT_BUS_REMOTE', retryable: false });
      expect(failure).toMatchObject({ message: 'x is undefined', remoteCode: undefined });
    });

    scene(target, 'a reply above the limit is an error of the server', async (s) => {
      const bus = await s.connect();
      await serve(s, await s.connect(), () => new Uint8Array(target.limits.maxPayloadBytes + 1));
      const failure = await s.within(failureOf(bus.call(s.request, bytes(''), { timeoutMs: longMs })));
      expect(failure).toMatchObject({ code: 'VDT_BUS_REMOTE', remoteCode: 'VDT_BUS_PAYLOAD_TOO_LARGE' });
    });

    scene(
      target,
      'a server whose connection is lost leaves its caller to the deadline, at most',
      async (s, context) => {
        if (s.world.cut === undefined) return context.skip('the target cannot cut a connection');
        const [bus, crashing] = [await s.connect(), await s.connect()];
        const stuck = gate();
        let running = 0;
        await serve(s, crashing, async ({ payload }) => {
          running++;
          await stuck.opened;
          return payload;
        });
        const call = failureOf(bus.call(s.request, bytes(''), { timeoutMs: shortMs * 3 }));
        await s.until(() => running === 1);
        await s.world.cut(crashing);
        stuck.open();
        const failure = await s.within(call);
        expect(['VDT_BUS_DEADLINE', 'VDT_BUS_DISCONNECTED']).toContain((failure as VedetteError | undefined)?.code);
      },
    );
  });

  describe('cast', () => {
    scene(target, 'a cast is handled by one server of a group; its error is counted there', async (s) => {
      const bus = await s.connect();
      const seen: string[] = [];
      const servers = [await s.connect(), await s.connect()];
      const handler = ({ payload }: Request): Uint8Array => {
        seen.push(text(payload));
        throw new Error('the handler failed');
      };
      for (const server of servers) {
        // oxlint-disable-next-line no-await-in-loop -- two servers, one after the other
        await serve(s, server, handler, { group: s.group() });
      }
      await s.within(bus.cast(s.request, bytes('m0'), { timeoutMs: longMs }));
      await s.until(() => seen.length > 0);
      await s.quiet();
      expect(seen).toEqual(['m0']);
      expect(servers.reduce((sum, server) => sum + server.counters.handlerErrors, 0)).toBe(1);
    });

    scene(
      target,
      'a cast once handed over is handled however long it waited, and its time-out does not abort it',
      async (s) => {
        const bus = await s.connect();
        const stuck = gate();
        const handled: [string, boolean][] = [];
        const handler = async ({ payload, signal }: Request): Promise<Uint8Array> => {
          await stuck.opened;
          handled.push([text(payload), signal.aborted]);
          return payload;
        };
        await serve(s, await s.connect(), handler, { concurrency: 1, maxQueued: 10 });
        for (const each of s.numbered(0, 2)) {
          // oxlint-disable-next-line no-await-in-loop -- in order
          await s.within(bus.cast(s.request, bytes(each), { timeoutMs: amplyMs }));
        }
        await target.wait(amplyMs * 2);
        stuck.open();
        await s.until(() => handled.length === 2);
        expect(handled).toEqual([
          ['m0', false],
          ['m1', false],
        ]);
      },
    );
  });

  describe('fan-out', () => {
    scene(target, 'every server answers, members of groups too', async (s) => {
      const bus = await s.connect();
      const groups = [{}, { group: s.group() }, { group: s.group() }];
      for (const [at, group] of groups.entries()) {
        // oxlint-disable-next-line no-await-in-loop -- three servers, one after the other
        await serve(s, await s.connect(), () => bytes(`m${at}`), group);
      }
      const replies = await s.collect(bus.fanOut(s.request, bytes(''), { timeoutMs: longMs, expected: 3 }));
      expect(replies.sort()).toEqual(s.numbered(0, 3));
    });

    scene(target, 'it ends with `expected` replies, and those still at work are told', async (s) => {
      const bus = await s.connect();
      const { requests } = await serveNever(s);
      await serve(s, await s.connect(), () => bytes('m0'));
      const replies = await s.collect(bus.fanOut(s.request, bytes(''), { timeoutMs: longMs, expected: 1 }));
      expect(replies).toEqual(['m0']);
      await s.until(() => requests[0]?.signal.aborted === true, 'the handler was not told');
    });

    scene(target, 'it ends at its deadline with the replies that have come', async (s) => {
      const bus = await s.connect();
      const { requests } = await serveNever(s);
      await serve(s, await s.connect(), () => bytes('m0'));
      expect(await s.collect(bus.fanOut(s.request, bytes(''), { timeoutMs: amplyMs }))).toEqual(['m0']);
      await s.until(() => requests[0]?.signal.aborted === true, 'the handler was not told');
    });

    scene(target, 'a server that fails yields nothing and is counted; nobody there ends without a reply', async (s) => {
      const bus = await s.connect();
      const nobody = await s.collect(bus.fanOut(`${s.request}.nobody`, bytes(''), { timeoutMs: shortMs }));
      expect(nobody).toEqual([]);
      await serve(s, await s.connect(), () => bytes('m0'));
      await serve(s, await s.connect(), () => {
        throw new Error('the handler failed');
      });
      const replies = await s.collect(bus.fanOut(s.request, bytes(''), { timeoutMs: longMs, expected: 2 }));
      expect(replies).toEqual(['m0']);
      expect(bus.counters.callsFailed).toBe(1);
    });

    scene(target, 'leaving the iteration cancels what still runs', async (s) => {
      const bus = await s.connect();
      const { requests } = await serveNever(s);
      await serve(s, await s.connect(), () => bytes('m0'));
      const leave = async (): Promise<void> => {
        for await (const _ of bus.fanOut(s.request, bytes(''), { timeoutMs: longMs })) break;
      };
      expect(await s.atOnce(leave)).toBe(undefined);
      await s.until(() => requests[0]?.signal.aborted === true, 'the handler was not told');
    });
  });
}

type Handler = ServeOptions['handler'];

function serve(s: Scene, bus: Bus, handler: Handler, options: Partial<ServeOptions> = {}): Promise<Subscription> {
  return s.within(bus.serve({ pattern: s.request, concurrency: 10, maxQueued: 1_000, handler, ...options }));
}

/** A server that answers only when it is told to stop. */
async function serveNever(
  s: Scene,
  options: Partial<ServeOptions> = {},
): Promise<{ requests: Request[]; server: Bus }> {
  const requests: Request[] = [];
  const handler = (request: Request): Promise<Uint8Array> => {
    requests.push(request);
    return new Promise((_, reject) => {
      request.signal.addEventListener('abort', () => reject(request.signal.reason as Error));
    });
  };
  const server = await s.connect();
  await serve(s, server, handler, options);
  return { requests, server };
}
