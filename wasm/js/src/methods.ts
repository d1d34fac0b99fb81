/** Commands as methods, and replies as what they return or throw. */

import type { Bytes } from './api.js';
import type { Sanderling } from './client.js';
import type { Args } from './crossing.js';
import { SanderlingError } from './errors.js';
import type { Reply } from './reply.js';

/** Commands whose replies carry bytes. */
export class Buffers {
  constructor(readonly db: Sanderling) {}
}

/** Adds a method, unless there is one. */
export function addMethod<This>(prototype: This & object, name: string, value: (this: This, ...args: Args[]) => Reply<Bytes>): void {
  if (!(name in prototype)) Object.defineProperty(prototype, name, { value, configurable: true, writable: true });
}

/** Returns a reply, and throws one that is an error. */
export function thrown<T>(reply: T): Exclude<T, SanderlingError> {
  if (reply instanceof SanderlingError) throw reply;
  return reply as Exclude<T, SanderlingError>;
}
