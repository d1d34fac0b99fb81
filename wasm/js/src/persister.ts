/**
 * Carries what the engine wants stored to the storage, one transaction at a time.
 *
 * ```text
 * commands   at once, in a strict transaction: a loop of them is one. They are pushed meanwhile, not afterwards.
 * the rest   within half a second, when the page has nothing better to do, in a relaxed one
 * ```
 * Whatever gathers while a transaction runs goes into the next one, so the more there is to store the fewer transactions
 * it takes. After a failure nothing more is written until everything can be written anew: what is stored stays a state
 * that was. It can be given a storage, and can give it up, at any time.
 */

import { reason, SanderlingError } from './errors.js';
import type { Port } from './port.js';
import type { Batch, Store } from './storage/batch.js';

/** The way from an engine to a storage. */
export class Persister {
  readonly #port: Port;
  readonly #warn: (error: SanderlingError, isMemory: boolean) => void;
  #store: Store | undefined;
  #isDown = false;
  #writing = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #retryMs = RETRY_MS_FIRST;
  #waiting: (() => void)[] = [];

  /** Begins without a storage. `warn` is told what goes wrong, and whether the replica is left with its memory. */
  constructor(port: Port, warn: (error: SanderlingError, isMemory: boolean) => void) {
    this.#port = port;
    this.#warn = warn;
  }

  /** Where things are stored. */
  get kind(): Store['kind'] | 'memory' {
    return this.#isDown || !this.#store ? 'memory' : this.#store.kind;
  }

  /** Stores in a storage from now on: in one that holds what the engine was loaded from, or else everything `anew`. */
  start(store: Store | undefined, { anew }: { anew: boolean }): void {
    this.#store = store;
    this.#isDown = false;
    if (!store) this.#port.stopStoring();
    else if (anew) this.#port.startStoring();
    this.soon();
  }

  /** Stores what is left and does without the storage from then on; returns it. */
  stop(): Store | undefined {
    this.flush();
    const store = this.#store;
    this.#store = undefined;
    clearTimeout(this.#retry);
    if (!this.#port.isFree) this.#port.stopStoring();
    return store;
  }

  /** Stores soon: for what costs only a little traffic if it is lost. */
  soon(): void {
    if (!this.#store || this.#isDown || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      const store = (): void => {
        this.#timer = undefined;
        if (!this.#port.isFree && !this.#isDown) this.#port.compact();
        this.now();
      };
      if ('requestIdleCallback' in globalThis) requestIdleCallback(store, { timeout: IDLE_MS_MAX });
      else store();
    }, DELAY_MS);
  }

  /** Stores at once, or right after what is being stored. */
  readonly now = (): void => {
    if (this.#writing) return;
    const batches = this.#take();
    if (batches.length === 0) {
      for (const resolve of this.#waiting.splice(0)) resolve();
      return;
    }
    this.#writing = true;
    void this.#write(batches).then(() => {
      this.#writing = false;
      this.now();
    });
  };

  /** Stores without waiting for what is being stored: there may be no later. */
  flush(): void {
    // IndexedDB runs transactions in their order; a file can't be written twice at once.
    if (!this.#writing || this.#store?.kind !== 'indexeddb') return this.now();
    const batches = this.#take();
    if (batches.length > 0) void this.#write(batches);
  }

  /** Resolves when everything so far is stored, or can no longer be. */
  stored(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.now();
    });
  }

  /** Does without the storage from now on, and says why. */
  lose(error: SanderlingError): void {
    if (!this.#store) return;
    const store = this.#store;
    this.#store = undefined;
    clearTimeout(this.#retry);
    if (!this.#port.isFree) this.#port.stopStoring();
    store.close().catch(() => undefined);
    this.#warn(error, true);
  }

  /** Tries a storage that failed again, without waiting for its time. */
  readonly tryAgain = (): void => {
    clearTimeout(this.#retry);
    if (!this.#isDown || !this.#store || this.#port.isFree) return;
    this.#port.startStoring();
    this.now();
  };

  /** Lets go of the storage. To be called after `stored`. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    clearTimeout(this.#retry);
    await this.#store?.close();
  }

  #take(): Batch[] {
    return this.#store && !this.#port.isFree ? takeBatches(this.#port) : [];
  }

  async #write(batches: readonly Batch[]): Promise<void> {
    const store = this.#store!;
    try {
      await store.write(batches);
      if (store !== this.#store || !this.#isDown) return;
      this.#isDown = false;
      this.#retryMs = RETRY_MS_FIRST;
      this.#warn(new SanderlingError('STORAGE', 'the storage works again, and everything is in it'), false);
    } catch (error) {
      if (store === this.#store && !this.#port.isFree) this.#fail(asStorageError(error));
    }
  }

  #fail(error: SanderlingError): void {
    if (error.code === 'DELETED') {
      // There is a new one, and empty.
      this.#port.startStoring();
      this.#warn(error, false);
      return;
    }
    if (error.code === 'UPGRADED') return this.lose(error);
    this.#port.stopStoring();
    // Trying costs a snapshot of everything, so not too often.
    this.#retry = setTimeout(this.tryAgain, this.#retryMs);
    (this.#retry as { unref?: () => void }).unref?.();
    this.#retryMs = Math.min(2 * this.#retryMs, RETRY_MS_MAX);
    if (!this.#isDown) this.#warn(error, true);
    this.#isDown = true;
  }
}

/**
 * Makes an engine what was stored. What cannot be read is set aside; the commands in it that can be are taken over, as are
 * those of older releases. `warnings` say what happened.
 */
export async function restore(
  store: Store,
  newPort: () => Port,
): Promise<{ port: Port; warnings: SanderlingError[] }> {
  let port = newPort();
  const warnings: SanderlingError[] = [];
  try {
    port.load(await store.load());
  } catch (error) {
    port.free();
    if (!(error instanceof SanderlingError) || error.code !== 'DAMAGED') throw error;
    port = newPort();
    const count = port.salvage(await store.salvage());
    const where = await store.quarantine(takeBatches(port)).catch((error: unknown) => {
      warnings.push(asStorageError(error));
      // Without room for both, what can be read takes the place of what cannot.
      port.startStoring();
      return 'it is given up';
    });
    const text = `what was stored cannot be read, so ${where} and ${count} pending commands were taken over: ${error.message}`;
    warnings.push(new SanderlingError('DAMAGED', text));
  }
  // Without what an older release left it goes on as well; the next start tries again.
  try {
    const older = (await store.older?.()) ?? [];
    if (older.length > 0) {
      port.salvage(older);
      await store.write(takeBatches(port));
      store.dropOlder?.();
    }
  } catch (error) {
    warnings.push(asStorageError(error));
  }
  return { port, warnings };
}

/** What the engine wants stored now. */
function takeBatches(port: Port): Batch[] {
  const batches: Batch[] = [];
  for (let batch = port.store(); batch; batch = port.store()) batches.push(batch);
  return batches;
}

/** Says of a failure that it is one of the storage, if it does not say more. */
export function asStorageError(error: unknown): SanderlingError {
  return error instanceof SanderlingError ? error : new SanderlingError('STORAGE', reason(error), { cause: error });
}

/** How long what came from the server may wait for more, and then for the page to be idle. */
const DELAY_MS = 500;
const IDLE_MS_MAX = 1_000;
const RETRY_MS_FIRST = 10_000;
const RETRY_MS_MAX = 600_000;
