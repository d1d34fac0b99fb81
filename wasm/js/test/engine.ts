/** What the tests stand on: the engine from pkg/, seeded randomness, and waiting for a condition. */

import { readFileSync } from 'node:fs';
import { WebSocket } from 'ws';
import type { Events } from '../src/api.js';
import type { Sanderling } from '../src/client.js';
import type { WebSocketConstructor } from '../src/link.js';
import { engine, provide } from '../src/module.js';
import { platform } from '../src/platform.js';
import { Port } from '../src/port.js';
import { openDirectory } from '../src/storage/directory.js';

// The bundled tests lie in .test/, beside pkg/.
provide(() => new Uint8Array(readFileSync(new URL('../pkg/sanderling_bg.wasm', import.meta.url))));
platform.directory = openDirectory;
platform.webSocket = () => Promise.resolve(WebSocket as unknown as WebSocketConstructor);

export { open } from '../src/open.js';

/** Returns what makes engines without a replica around them. */
export async function ports(): Promise<() => Port> {
  const instance = await engine();
  return () => new Port(instance, ['*']);
}

/** A generator of reproducible numbers (mulberry32). */
export class Random {
  #state: number;

  constructor(readonly seed: number) {
    this.#state = seed;
  }

  /** A number from 0 to `bound` - 1. */
  below(bound: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  }

  /** One of some things. */
  pick<T>(things: readonly T[]): T {
    return things[this.below(things.length)]!;
  }
}

/** Runs a check with several seeds, and names the seed of the one that fails. `SEED` runs that one alone. */
export async function withSeeds(count: number, check: (random: Random) => void | Promise<void>): Promise<void> {
  const only = process.env['SEED'];
  const first = Math.floor(Math.random() * 2 ** 31);
  const seeds = only ? [Number(only)] : Array.from({ length: count }, (_, index) => (first + index) >>> 0);
  for (const seed of seeds) {
    try {
      await check(new Random(seed));
    } catch (error) {
      throw new Error(`failed with SEED=${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }
}

/** Resolves with the next value of an event that passes; rejects after ten seconds. */
export function next<Name extends keyof Events>(
  db: Sanderling,
  name: Name,
  passes: (value: Events[Name]) => boolean = () => true,
): Promise<Events[Name]> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      stop();
      reject(new Error(`no such ${name} within ten seconds; the status is ${JSON.stringify(db.status)}`));
    }, 10_000);
    const stop = db.on(name, (value) => {
      if (!passes(value)) return;
      clearTimeout(timer);
      stop();
      resolve(value);
    });
  });
}
