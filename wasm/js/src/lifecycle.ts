/**
 * The life of a page: it is hidden, frozen, put into the back/forward cache and taken out again, loses its network.
 *
 * ```text
 *              hidden, freeze               pagehide, if it may come back
 *   awake ───────────────────▶ left     awake ───────────────▶ suspended
 *     ▲                         │          ▲                       │
 *     └── visible, resume, ─────┘          └──────── pageshow ─────┘
 *         focus, online
 * ```
 * Outside of pages none of this exists but clocks that jump.
 */

import { jumpsOfClock } from './clock.js';
import type { SanderlingError } from './errors.js';
import type { Link } from './link.js';
import { asStorageError, type Persister } from './persister.js';
import type { Port } from './port.js';
import type { Store } from './storage/batch.js';

/** The parts of a replica that a page's life concerns. */
export interface Parts {
  readonly port: Port;
  readonly link: Link;
  readonly persister: Persister;
  /** Opens the storage once more. */
  reopen(): Promise<Store | undefined>;
  /** Where to connect. */
  url(): string | undefined;
}

/** What a replica does as its page lives. */
export class Life {
  readonly #parts: Parts;
  readonly #drain: () => void;
  readonly #warn: (error: SanderlingError) => void;
  readonly #ends: (() => void)[] = [];
  #isSuspended = false;
  #wasLinked = false;
  #jumps = jumpsOfClock();
  #wokenMs = -Infinity;

  /** Begins to watch. `drain` is called when there may be something to carry, `warn` when there is no storage any more. */
  constructor(parts: Parts, drain: () => void, warn: (error: SanderlingError) => void) {
    this.#parts = parts;
    this.#drain = drain;
    this.#warn = warn;
    const page = globalThis.document as Document | undefined;
    const scope = globalThis as unknown as EventTarget;
    // A page that is hidden or frozen may be killed without another word.
    const leave = (): void => parts.persister.flush();
    const wake = (): void => this.#wake();
    this.#on(page, 'visibilitychange', () => (page!.visibilityState === 'hidden' ? leave() : wake()));
    this.#on(page, 'freeze', leave);
    this.#on(page, 'resume', wake);
    this.#on(scope, 'focus', wake);
    this.#on(scope, 'online', wake);
    this.#on(scope, 'offline', () => this.#offline());
    this.#on(scope, 'pagehide', (event) => ((event as PageTransitionEvent).persisted ? this.#suspend() : leave()));
    this.#on(scope, 'pageshow', (event) => (event as PageTransitionEvent).persisted && void this.#resume());
  }

  /** Tells whether the clock has jumped, and has the server asked for a sign of life then. */
  lookAtClock(): boolean {
    const jumps = jumpsOfClock();
    if (jumps === this.#jumps) return false;
    this.#jumps = jumps;
    this.#parts.port.wake();
    this.#drain();
    return true;
  }

  /** Watches no longer. */
  close(): void {
    for (const end of this.#ends.splice(0)) end();
  }

  #on(target: EventTarget | undefined, name: string, run: (event: Event) => void): void {
    target?.addEventListener?.(name, run);
    this.#ends.push(() => target?.removeEventListener?.(name, run));
  }

  #wake(): void {
    const { port, link, persister } = this.#parts;
    const ms = performance.now();
    // Several events tell of one thing.
    if (this.#isSuspended || this.lookAtClock() || ms - this.#wokenMs < WAKE_MS_MIN) return;
    this.#wokenMs = ms;
    link.wake();
    port.wake();
    persister.tryAgain();
    this.#drain();
  }

  #offline(): void {
    const { link } = this.#parts;
    if (link.state === 'open' || link.state === 'connecting') link.fail('the network is gone', true);
  }

  /** The page may be kept as it is: connection and lock would prevent that, and others may want the storage. */
  #suspend(): void {
    const { link, persister } = this.#parts;
    this.#isSuspended = true;
    this.#wasLinked = link.state !== 'off';
    link.stop();
    // What has begun to be stored still completes.
    void persister.stop()?.close();
  }

  async #resume(): Promise<void> {
    if (!this.#isSuspended) return;
    const { port, link, persister } = this.#parts;
    this.#isSuspended = false;
    this.#jumps = jumpsOfClock();
    const url = this.#parts.url();
    if (this.#wasLinked && url !== undefined) link.start(url);
    this.#drain();
    try {
      const store = await this.#parts.reopen();
      // Somebody else may have had it meanwhile, and left commands in it.
      const pairs = store ? await store.load() : [];
      if (this.#isSuspended || port.isFree) return await store?.close();
      port.salvage(pairs);
      persister.start(store, { anew: true });
    } catch (error) {
      this.#warn(asStorageError(error));
    }
    this.#drain();
  }
}

/** How often being woken counts. */
const WAKE_MS_MIN = 1_000;
