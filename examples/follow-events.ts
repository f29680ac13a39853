/**
 * Lists the fleet once, then follows every change, without missing one in between:
 *
 *     scripts/node examples/follow-events.ts ~/.local/state/vedette/store.sock
 *
 * The first page of GET /v1/vms says from where to follow. Each event carries its position as id: a program that kept
 * the last one goes on from there (`after=`), also after a restart of either side.
 */
import { type IncomingMessage, request } from 'node:http';

const socketPath = process.argv[2];
if (socketPath === undefined) {
  console.error('usage: follow-events.ts SOCKET (vedette up prints it)');
  process.exit(2);
}

function get(path: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path }, resolve).on('error', reject).end();
  });
}

async function text(message: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of message.setEncoding('utf8')) body += String(chunk);
  return body;
}

interface Page {
  readonly items: ReadonlyArray<{ readonly name: string; readonly state: string }>;
  readonly position: string;
}

const page = JSON.parse(await text(await get('/v1/vms?limit=1000'))) as Page;
for (const { name, state } of page.items) console.log(`${name} is ${state}`);

let pending = '';
for await (const chunk of (await get(`/v1/events?after=${page.position}`)).setEncoding('utf8')) {
  const blocks = (pending + String(chunk)).split('\n\n');
  pending = blocks.pop() ?? '';
  for (const block of blocks) {
    const data = /^data: ?(.*)$/m.exec(block)?.[1];
    if (data !== undefined) console.log(data.slice(0, 200));
  }
}
