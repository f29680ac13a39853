/** What clients of the API need to know of it, without the server. */
export { apiErrors } from './errors.ts';
export { Problem, problemType } from './problems.ts';
export { isAnswered } from './socket.ts';
export { formatStreamPosition, parseStreamPosition, type StreamPosition } from './stream-position.ts';
export {
  type HistoryView,
  type HostView,
  historyView,
  hostView,
  type StatusView,
  type VMDetailView,
  type VMView,
  vmDetailView,
  vmView,
} from './views.ts';
