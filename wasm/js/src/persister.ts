/**
 * Carries what the engine wants stored to the storage, one transaction at a time.
 *
 * Whatever gathers while a transaction runs goes into the next one, so the more there is to store the fewer transactions
 * it takes. After the first failure nothing more is written: what is stored stays a state that was.
 */

import { SanderlingError } from './errors.js';
import type { Port } from './port.js';
import type { Batch, Store } from './storage/batch.js';

/** The way from an engine to a storage. */
export class Persister {
  readonly #port: Port;
  readonly #onFailure: (error: unknown) => void;
  #store: Store | undefined;
  #writing = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #waiting: (() => void)[] = [];

  constructor(port: Port, store: Store | undefined, onFailure: (error: unknown) => void) {
    this.#port = port;
    this.#store = store;
    this.#onFailure = onFailure;
    if (!store) port.stopStoring();
  }

  /** Where things are stored. */
  get kind(): Store['kind'] | 'memory' {
    return this.#store?.kind ?? 'memory';
  }

  /** Stores soon: for what costs only a little traffic if it is lost. */
  soon(): void {
    if (this.#store) this.#timer ??= setTimeout(this.now, DELAY_MS);
  }

  /** Stores at once. */
  readonly now = (): void => {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#writing) return;
    const batches = this.#take();
    if (!this.#store || batches.length === 0) {
      for (const resolve of this.#waiting.splice(0)) resolve();
      return;
    }
    this.#writing = true;
    void this.#store
      .write(batches)
      .catch((error: unknown) => this.lose(error))
      .then(() => {
        this.#writing = false;
        this.now();
      });
  };

  /** Resolves when everything so far is stored, or can no longer be. */
  stored(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.now();
    });
  }

  /** Does without the storage from now on. */
  lose(error: unknown): void {
    const store = this.#store;
    if (!store) return;
    this.#store = undefined;
    if (!this.#port.isFree) this.#port.stopStoring();
    store.close().catch(() => undefined);
    this.#onFailure(error);
  }

  /** Lets go of the storage. To be called after `stored`. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#store?.close();
  }

  #take(): Batch[] {
    const batches: Batch[] = [];
    if (!this.#store || this.#port.isFree) return batches;
    for (let batch = this.#port.store(); batch; batch = this.#port.store()) batches.push(batch);
    return batches;
  }
}

/** Makes an engine what was stored. What cannot be read is set aside, and the engine begins with nothing. */
export async function restore(
  store: Store | undefined,
  newPort: () => Port,
): Promise<{ port: Port; damage: SanderlingError | undefined }> {
  const port = newPort();
  try {
    if (store) port.load(await store.load());
    return { port, damage: undefined };
  } catch (error) {
    port.free();
    if (!store || !(error instanceof SanderlingError) || error.code !== 'DAMAGED') throw error;
    const where = await store.quarantine();
    const damage = new SanderlingError('DAMAGED', `what was stored cannot be read, so ${where}: ${error.message}`);
    return { port: newPort(), damage };
  }
}

/** How long what came from the server may wait for more. */
const DELAY_MS = 200;
