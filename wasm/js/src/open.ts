/** Opening a replica: the options, and what to do when a part of what was asked for is not to be had. */

import { Sanderling } from './client.js';
import { pause } from './clock.js';
import { SanderlingError } from './errors.js';
import { syncUrl, type WebSocketConstructor } from './link.js';
import { engine } from './module.js';
import { asStorageError, restore } from './persister.js';
import { platform } from './platform.js';
import { Port } from './port.js';
import type { Store } from './storage/batch.js';
import { lockName, openStore, type StorageOption } from './storage/open.js';
import { Election } from './tabs/election.js';
import type { TabsOptions } from './tabs/tabs.js';
import type { TokenSource } from './token.js';

/** What a replica is opened with. */
export interface OpenOptions {
  /** Names the replica on this device: two names share nothing. */
  readonly name?: string;
  /** The server's sync address; without one the replica stays offline until `connect(url)`. */
  readonly url?: string;
  /** Globs of the keys that it holds; all, if it is left out. */
  readonly subscribe?: readonly string[];
  /** Where it leaves what it comes back to. Default: IndexedDB where there is one, otherwise memory. */
  readonly storage?: StorageOption;
  /**
   * What says who is connecting, where the server asks for it. A function is called for each connection and again before
   * the token expires; what it throws counts as a connection that failed.
   */
  readonly token?: TokenSource;
  /** The most that the data may take in memory, in bytes. Beyond it keys are forgotten, and fetched again on demand. */
  readonly maxMemory?: number;
  /** Which keys are forgotten first: those not used for the longest time (`'lru'`, the default), or least often. */
  readonly eviction?: 'lru' | 'lfu';
  /** What to connect with, where it is not to be the global one. */
  readonly WebSocket?: WebSocketConstructor;
  /** `false`: start with the network switched off. */
  readonly connect?: boolean;
}

/**
 * Opens a replica. Resolves when what was stored has been loaded, and does not wait for the network.
 *
 * A storage that cannot be had does not make it fail: the replica works from memory, and a `warning` follows. It rejects
 * with `OPTIONS` when an option makes no sense.
 */
export async function open(options: OpenOptions = {}): Promise<Sanderling> {
  const { name = 'default', subscribe = ['*'], maxMemory, eviction = 'lru' } = options;
  if (typeof name !== 'string' || name === '') throw new SanderlingError('OPTIONS', 'the name must be a string, and not empty');
  if (!Array.isArray(subscribe) || subscribe.some((glob) => typeof glob !== 'string'))
    throw new SanderlingError('OPTIONS', 'subscribe must be a list of globs');
  if (!['undefined', 'string', 'function'].includes(typeof options.token))
    throw new SanderlingError('OPTIONS', 'the token must be a string, or a function that returns one');
  if (maxMemory !== undefined && !(maxMemory >= MEMORY_MIN && maxMemory <= MEMORY_MAX))
    throw new SanderlingError('OPTIONS', 'maxMemory is a number of bytes, from 64 KB to 4 GB');
  if (eviction !== 'lru' && eviction !== 'lfu') throw new SanderlingError('OPTIONS', "eviction is 'lru' or 'lfu'");
  const url = options.url === undefined ? undefined : syncUrl(options.url);

  const warnings: SanderlingError[] = [];
  let db: Sanderling | undefined;
  const sharing = await share(name, options.storage);
  const reopen = (): Promise<Store | undefined> =>
    openStore(name, options.storage, (error) => db?.loseStore(error), sharing !== undefined);
  const opening = (sharing?.isLeader === false ? Promise.resolve(undefined) : reopen()).catch((error: unknown) => {
    if (!(error instanceof SanderlingError) || error.code === 'OPTIONS') throw error;
    warnings.push(error);
    return undefined;
  });
  let [instance, store] = await Promise.all([engine(), opening]);
  const newPort = (): Port => {
    const port = new Port(instance, subscribe);
    if (maxMemory !== undefined) port.limitMemory(maxMemory, eviction);
    return port;
  };
  let port: Port | undefined;
  if (store)
    try {
      const restored = await restore(store, newPort);
      port = restored.port;
      warnings.push(...restored.warnings);
    } catch (error) {
      warnings.push(asStorageError(error));
      await store.close().catch(() => undefined);
      store = undefined;
    }
  const tabs: TabsOptions | undefined = sharing && {
    ...sharing,
    name: lockName(name),
    release: instance.version,
    globs: subscribe,
    url: options.connect === false ? null : (url ?? null),
  };
  const webSocket = (): Promise<WebSocketConstructor> => findWebSocket(options.WebSocket);
  db = new Sanderling(port ?? newPort(), store, reopen, webSocket, options.token, tabs, maxMemory ?? null);
  await Promise.race([db.arrived, pause(ARRIVAL_MS_MAX)]);
  tellLater(db, warnings, store);
  if (url !== undefined) {
    if (options.connect === false || sharing?.isLeader === false) db.remember(url);
    else db.connect(url);
  }
  return db;
}

/** Finds out whether this tab shares its storage with others, and leads them. */
async function share(
  name: string,
  storage: StorageOption | undefined,
): Promise<Pick<TabsOptions, 'locks' | 'election' | 'isLeader'> | undefined> {
  const locks = globalThis.navigator?.locks as LockManager | undefined;
  const isInPage = typeof indexedDB !== 'undefined' && typeof BroadcastChannel !== 'undefined' && typeof document !== 'undefined';
  if (!locks || !isInPage || (storage ?? 'indexeddb') !== 'indexeddb') return undefined;
  const election = new Election(locks, lockName(name));
  // Where locks are forbidden the storage is, too, and says so.
  const isLeader = await election.take().catch(() => undefined);
  return isLeader === undefined ? undefined : { locks, election, isLeader };
}

const MEMORY_MIN = 64 * 1024;
const MEMORY_MAX = 2 ** 32 - 1;

/** Tells what happened while nobody could listen yet. */
function tellLater(db: Sanderling, warnings: readonly SanderlingError[], store: Store | undefined): void {
  if (warnings.length === 0) return;
  setTimeout(() => {
    for (const warning of warnings) db.warn(warning, !store);
  });
}

async function findWebSocket(given: WebSocketConstructor | undefined): Promise<WebSocketConstructor> {
  const found = given ?? (globalThis.WebSocket as WebSocketConstructor | undefined) ?? (await platform.webSocket?.());
  if (found) return found;
  throw new SanderlingError(
    'WEBSOCKET',
    'this runtime has no WebSocket: install the package `ws`, or pass a constructor as the option `WebSocket`',
  );
}

/** How long another tab may take to hand over what it has; it comes later otherwise. */
const ARRIVAL_MS_MAX = 5_000;
