/** Server-sent events as text (WHATWG HTML, 9.2). `data` must be one line, which JSON text is. */
export function sseEvent(name: string, data: string, id?: string): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${name}\ndata: ${data}\n\n`;
}

/** A heart-beat: no event, but it keeps the connection known to be alive and tells how far the stream has come. */
export function sseHeartbeat(id: string): string {
  return `: heart-beat\nid: ${id}\n\n`;
}
