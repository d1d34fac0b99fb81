/**
 * Fetching keys whose values are unknown: one question a key, however many wait for the answer.
 *
 * A key of the interest is asked for by name. One outside of it is subscribed to, which also keeps it up to date; that
 * ends when the memory budget forgets it, or when too many such keys have come after it.
 *
 * It stands alone and is loaded by the first fetch: most programs hold all that they read.
 */

import type { SanderlingError } from './errors.js';
import type { Status } from './status.js';

/** What is needed of a replica. */
export interface FetchHost {
  /** 2: reading the key answers; 1: it is of interest but unknown; 0: it is not of interest. */
  knows(key: string): number;
  state(): Status['state'];
  /** Asks the server for keys of the interest. */
  ask(keys: readonly string[]): void;
  subscribe(glob: string): Promise<unknown>;
  unsubscribe(glob: string): void;
  error(code: string, text: string): SanderlingError;
}

/** Options of a fetch. */
export interface FetchOptions {
  /** Milliseconds after which it is given up. Default: 10,000. */
  readonly timeout?: number;
}

interface Flight {
  readonly done: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: SanderlingError) => void;
  isAsked: boolean;
}

/** The fetches under way. */
export class Fetches {
  readonly #host: FetchHost;
  readonly #flights = new Map<string, Flight>();
  /** Keys outside the interest that are held because they were fetched, the oldest first. */
  readonly #held = new Set<string>();

  constructor(host: FetchHost) {
    this.#host = host;
  }

  /** Resolves when reading the keys answers. */
  async fetch(keys: readonly string[], { timeout = TIMEOUT_MS }: FetchOptions): Promise<void> {
    // As the engine has them: half of a surrogate pair is U+FFFD there.
    const texts = keys.map((key) => decoder.decode(encoder.encode(key)));
    const unknown = texts.filter((key) => this.#host.knows(key) !== KNOWN);
    if (unknown.length === 0) return;
    if (IS_OFFLINE[this.#host.state()]) throw this.#offline();
    const all = Promise.all(unknown.map((key) => (this.#flights.get(key) ?? this.#take(key)).done));
    this.handle();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      const error = this.#host.error('TIMEOUT', `the server has not answered within ${timeout} ms`);
      timer = setTimeout(() => reject(error), timeout);
    });
    try {
      await Promise.race([all, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Looks at how things stand: asks what could not be asked before, and ends what cannot be answered any more. */
  handle(): void {
    if (this.#flights.size === 0) return;
    const state = this.#host.state();
    const asked: string[] = [];
    for (const [key, flight] of this.#flights) {
      if (IS_OFFLINE[state] || (flight.isAsked && state !== 'live')) this.#end(key, this.#offline());
      else if (state === 'live' && !flight.isAsked) {
        flight.isAsked = true;
        const knows = this.#host.knows(key);
        if (knows === KNOWN) this.#end(key);
        else if (knows === 0) this.#hold(key);
        else asked.push(key);
      }
      // The answer may have come to another tab, whose words say what the value is.
      else if (flight.isAsked && this.#host.knows(key) === KNOWN) this.#end(key);
    }
    if (asked.length > 0) this.#host.ask(asked);
  }

  /** Takes in that the server has answered for keys. */
  answered(keys: readonly string[]): void {
    for (const key of keys) this.#end(key);
  }

  /** Takes in that keys have changed or have been forgotten; all of them, if `flushed`. */
  changed(keys: readonly string[], flushed: boolean): void {
    if (this.#held.size === 0) return;
    for (const key of flushed ? [...this.#held] : keys)
      if (this.#held.has(key) && !this.#flights.has(key) && this.#host.knows(key) !== KNOWN) this.#letGo(key);
  }

  /** Lets nobody wait any more. */
  close(error: SanderlingError): void {
    for (const key of this.#flights.keys()) this.#end(key, error);
  }

  #take(key: string): Flight {
    let resolve!: Flight['resolve'];
    let reject!: Flight['reject'];
    const done = new Promise<void>((...settle) => ([resolve, reject] = settle));
    // Whoever waits hears of a failure; there may be nobody left.
    done.catch(() => undefined);
    const flight = { done, resolve, reject, isAsked: false };
    this.#flights.set(key, flight);
    return flight;
  }

  #end(key: string, error?: SanderlingError): void {
    const flight = this.#flights.get(key);
    this.#flights.delete(key);
    if (error) flight?.reject(error);
    else flight?.resolve();
  }

  #hold(key: string): void {
    for (const oldest of this.#held) {
      if (this.#held.size < HELD_MAX) break;
      this.#letGo(oldest);
    }
    this.#held.add(key);
    this.#host.subscribe(literal(key)).then(
      () => this.#end(key),
      (error: SanderlingError) => {
        this.#held.delete(key);
        this.#end(key, error);
      },
    );
  }

  #offline(): SanderlingError {
    return this.#host.error('OFFLINE', 'the key is unknown here, and there is no connection to ask the server');
  }

  #letGo(key: string): void {
    this.#held.delete(key);
    this.#host.unsubscribe(literal(key));
  }
}

/** A glob that matches one key alone. */
function literal(key: string): string {
  return key.replace(/[*?[\]\\^]/g, '\\$&');
}

const KNOWN = 2;
const TIMEOUT_MS = 10_000;
/** Keys outside the interest that are held at once: each is a pattern to the server, which allows a thousand. */
const HELD_MAX = 500;
const IS_OFFLINE: { [State in Status['state']]?: true } = { offline: true, waiting: true, closed: true };
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
