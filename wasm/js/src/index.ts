/** What the package exports, the same under every runtime. */

export type { Bytes, Commands, Events, Transaction } from './api.js';
export { Sanderling } from './client.js';
export type { Arg, Args, Entry, Page } from './crossing.js';
export { SanderlingError } from './errors.js';
export type { FetchOptions } from './fetches.js';
export type { WebSocketConstructor, WebSocketLike } from './link.js';
export { open, type OpenOptions } from './open.js';
export type { Reply } from './reply.js';
export type { Status } from './status.js';
export type { StorageOption } from './storage/open.js';
export type { TokenSource } from './token.js';
export type { Persistence } from './storage/persistence.js';
export { version } from './version.js';
