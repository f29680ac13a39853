export { busErrors } from './errors.ts';
export * from './port.ts';
export { RemoteError } from './remote-error.ts';
