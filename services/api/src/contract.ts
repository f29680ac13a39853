/** What clients of the API need to know of it, without the server. */
export type { AddHostBody, HostModeBody } from './bodies.ts';
export { apiErrors } from './errors.ts';
export type { AddedHost, HostControl } from './host-control.ts';
export { Problem, problemType } from './problems.ts';
export { isAnswered } from './socket.ts';
export { formatStreamPosition, parseStreamPosition, type StreamPosition } from './stream-position.ts';
export {
  type HistoryView,
  type HostView,
  historyView,
  hostView,
  type RemovalView,
  type StatusView,
  type VMDetailView,
  type VMView,
  vmDetailView,
  vmView,
} from './views.ts';
