/** Who wants to know of which keys. */

import { guarded } from './emitter.js';
import { isPlain, matches } from './glob.js';

type Listener = (key: string | null) => void;

/** Listeners by glob; those of a single key are found without trying the others. */
export class Subscriptions {
  readonly #keys = new Map<string, Set<Listener>>();
  readonly #globs = new Map<string, Set<Listener>>();

  /** Whether nobody listens. */
  get isEmpty(): boolean {
    return this.#keys.size === 0 && this.#globs.size === 0;
  }

  /** Adds a listener; returns what removes it. */
  add(glob: string, listener: Listener): () => void {
    const map = isPlain(glob) ? this.#keys : this.#globs;
    let listeners = map.get(glob);
    if (!listeners) map.set(glob, (listeners = new Set()));
    // One of its own, so that a listener that is added twice is called twice and removed once.
    const entry: Listener = (key) => listener(key);
    listeners.add(entry);
    return () => {
      const listeners = map.get(glob);
      if (listeners?.delete(entry) && listeners.size === 0) map.delete(glob);
    };
  }

  /** Tells of changed keys, or of a change of all. */
  notify(keys: readonly string[], flushed: boolean): void {
    if (flushed) {
      for (const [key, listeners] of [...this.#keys]) call(listeners, key);
      for (const listeners of [...this.#globs.values()]) call(listeners, null);
      return;
    }
    for (const key of keys) {
      const listeners = this.#keys.get(key);
      if (listeners) call(listeners, key);
      for (const [glob, listeners] of this.#globs) if (matches(glob, key)) call(listeners, key);
    }
  }
}

function call(listeners: Set<Listener>, key: string | null): void {
  for (const listener of [...listeners]) guarded(() => listener(key));
}
