/**
 * `sanderling/cache`: a value that is loaded when it is missing, and loaded again in the background when it has become stale.
 *
 * ```text
 *   set ───── ttl ─────▶ stale ───── staleFor ─────▶ gone
 *       served as it is        served, and reloaded      loaded while the caller waits
 * ```
 * The value is an ordinary string key that expires after `ttl + staleFor`: it is stale when no more than `staleFor` is
 * left to it. So there is no second key, and every Redis client sees the same cache.
 */

import type { Bytes } from './api.js';
import type { Sanderling } from './client.js';
import type { SanderlingError } from './errors.js';

/** Where a cached value comes from. */
export type Load = (key: string) => string | Uint8Array | Promise<string | Uint8Array>;

/** How long a cached value is good. */
export interface CachedOptions {
  /** Milliseconds for which it is fresh. */
  readonly ttl: number;
  /** Milliseconds for which it is served after that, while it is loaded again. Default: 0. */
  readonly staleFor?: number;
}

/**
 * The string at a key, as a cache has it: loaded if it is missing, for one caller at a time, and kept for `ttl` and
 * `staleFor` milliseconds. In the time after `ttl` it is served as it is and loaded again in the background; if that
 * fails, a `warning` with the code `LOAD` tells.
 */
export async function cached(db: Sanderling, key: string, load: Load, options: CachedOptions): Promise<string> {
  const value = await cacheOf(db).get(key, load, options, (key) => db.get(key));
  return typeof value === 'string' ? value : decoder.decode(value);
}

/** `cached`, with the value as bytes. */
export async function cachedBuffer(db: Sanderling, key: string, load: Load, options: CachedOptions): Promise<Bytes> {
  const value = await cacheOf(db).get(key, load, options, (key) => db.buffers.get(key));
  return typeof value === 'string' ? encoder.encode(value) : (value as Bytes);
}

/** What is needed of a replica. */
export interface CacheHost {
  isKnown(key: string): boolean;
  fetch(key: string): Promise<void>;
  /** Milliseconds until the key expires; -1: never. */
  timeLeft(key: string): number;
  write(key: string, value: string | Uint8Array, ms: number): void;
  error(code: string, text: string, options?: ErrorOptions): SanderlingError;
  /** Tells of a failure that nobody waits for. */
  report(error: SanderlingError): void;
}

/** Cached values, with one load at a time for each key. */
export class Cache {
  readonly #host: CacheHost;
  readonly #loads = new Map<string, Promise<string | Uint8Array>>();

  constructor(host: CacheHost) {
    this.#host = host;
  }

  /** What `read` says of the key, fresh or stale; or what was loaded now. */
  async get<V>(key: string, load: Load, options: CachedOptions, read: (key: string) => V | null): Promise<V | string | Uint8Array> {
    const { ttl, staleFor = 0 } = options;
    if (!(ttl >= 1 && staleFor >= 0 && ttl + staleFor <= Number.MAX_SAFE_INTEGER))
      throw this.#host.error('OPTIONS', 'ttl and staleFor are milliseconds, and ttl is at least 1');
    const host = this.#host;
    // Without a connection it is loaded as if it were missing: what nobody knows here can still be loaded.
    if (!host.isKnown(key)) await host.fetch(key).catch(() => undefined);
    const found = host.isKnown(key) ? read(key) : null;
    if (found === null) return this.#load(key, load, ttl + staleFor);
    const left = host.timeLeft(key);
    if (left >= 0 && left <= staleFor)
      this.#load(key, load, ttl + staleFor).catch((error: unknown) => {
        const text = `loading ${key} failed, and a stale value was served: ${error instanceof Error ? error.message : String(error)}`;
        host.report(host.error('LOAD', text, { cause: error }));
      });
    return found;
  }

  #load(key: string, load: Load, ms: number): Promise<string | Uint8Array> {
    const under = this.#loads.get(key);
    if (under) return under;
    const loading = Promise.resolve(key)
      .then(load)
      .then((value) => {
        if (typeof value !== 'string' && !(value instanceof Uint8Array))
          throw this.#host.error('OPTIONS', `what was loaded for ${key} is neither a string nor bytes`);
        this.#host.write(key, value, Math.ceil(ms));
        return value;
      })
      .finally(() => this.#loads.delete(key));
    this.#loads.set(key, loading);
    return loading;
  }
}

function cacheOf(db: Sanderling): Cache {
  const known = caches.get(db);
  if (known) return known;
  const cache = new Cache({
    isKnown: (key) => db.knows(key),
    fetch: (key) => db.fetch(key),
    timeLeft: (key) => db.pttl(key),
    write: (key, value, ms) => {
      // What is not of interest here, and could not be made so, is not kept.
      if (db.isOfInterest(key)) db.set(key, value, 'PX', ms);
    },
    error: (code, text, options) => db.error(code, text, options),
    report: (error) => db.warn(error),
  });
  caches.set(db, cache);
  return cache;
}

const caches = new WeakMap<Sanderling, Cache>();
const encoder = new TextEncoder();
// Without `ignoreBOM` a value that begins with U+FEFF would lose it.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
