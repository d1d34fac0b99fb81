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
import type { Tabs } from './tabs/tabs.js';
import type { Talk } from './talk.js';

/** The parts of a replica that a page's life concerns. */
export interface Parts {
  readonly port: Port;
  readonly link: Link;
  readonly persister: Persister;
  /** Opens the storage once more. */
  reopen(): Promise<Store | undefined>;
  /** Where to connect. */
  url(): string | undefined;
  /** Those who wait for answers. */
  readonly talk: Talk;
  /** The other tabs of the browser, if there can be any. */
  tabs(): Tabs | undefined;
  /** There may be something to carry. */
  schedule(): void;
  /** Something is not as it was asked for; the storage is not there any more, if `isMemory`. */
  warn(error: SanderlingError, isMemory?: boolean): void;
}

/** What a replica does as its page lives. */
export class Life {
  readonly #parts: Parts;
  readonly #ends: (() => void)[] = [];
  #isSuspended = false;
  #wasLinked = false;
  #jumps = jumpsOfClock();
  #wokenMs = -Infinity;

  /** Begins to watch. */
  constructor(parts: Parts) {
    this.#parts = parts;
    const page = globalThis.document as Document | undefined;
    const scope = globalThis as unknown as EventTarget;
    // A page that is hidden or frozen may be killed without another word.
    const leave = (): void => parts.persister.flush();
    const wake = (): void => this.#wake();
    this.#on(page, 'visibilitychange', () => (page!.visibilityState === 'hidden' ? leave() : wake()));
    this.#on(page, 'freeze', () => {
      leave();
      // While it is frozen others must be able to lead.
      parts.tabs()?.suspend();
    });
    this.#on(page, 'resume', () => {
      parts.tabs()?.resume();
      wake();
    });
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
    this.#parts.schedule();
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
    this.#parts.schedule();
  }

  #offline(): void {
    const { link } = this.#parts;
    if (link.state === 'open' || link.state === 'connecting') link.fail('the network is gone', true);
  }

  /** The page may be kept as it is: connection and lock would prevent that, and others may want the storage. */
  #suspend(): void {
    const { link, persister } = this.#parts;
    const tabs = this.#parts.tabs();
    if (tabs) return tabs.suspend();
    this.#isSuspended = true;
    this.#wasLinked = link.state !== 'off';
    link.stop();
    // What has begun to be stored still completes.
    void persister.stop()?.close();
  }

  async #resume(): Promise<void> {
    this.#parts.tabs()?.resume();
    if (!this.#isSuspended) return;
    const { port, link, persister } = this.#parts;
    this.#isSuspended = false;
    this.#jumps = jumpsOfClock();
    const url = this.#parts.url();
    if (this.#wasLinked && url !== undefined) link.start(url);
    this.#parts.schedule();
    try {
      const store = await this.#parts.reopen();
      // Somebody else may have had it meanwhile, and left commands in it.
      const pairs = store ? await store.load() : [];
      if (this.#isSuspended || port.isFree) return await store?.close();
      port.salvage(pairs);
      persister.start(store, { anew: true });
    } catch (error) {
      this.#parts.warn(asStorageError(error), true);
    }
    this.#parts.schedule();
  }
}

/** How often being woken counts. */
const WAKE_MS_MIN = 1_000;
