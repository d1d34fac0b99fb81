/**
 * Who leads the tabs of one browser: the holder of a Web Lock.
 *
 * The lock is asked for once and waited for. It is never stolen: whoever has it keeps it until its tab closes, crashes or
 * cedes it, and the browser gives it to the next at once.
 */

/** What is used of `navigator.locks`. */
export type Locks = Pick<LockManager, 'request' | 'query'>;

/** A claim to a lock. */
export class Election {
  readonly #locks: Locks;
  readonly #name: string;
  #release: (() => void) | undefined;
  #abort = new AbortController();

  constructor(locks: Locks, name: string) {
    this.#locks = locks;
    this.#name = name;
  }

  /** Takes the lock if it is free; tells whether it was. */
  take(): Promise<boolean> {
    return this.#request({ ifAvailable: true });
  }

  /** Waits for the lock; resolves with `false` if the claim was given up before. */
  wait(): Promise<boolean> {
    return this.#request({ signal: this.#abort.signal });
  }

  /** Lets go of the lock, or of the claim. */
  cede(): void {
    this.#release?.();
    this.#release = undefined;
    this.#abort.abort();
    this.#abort = new AbortController();
  }

  #request(options: LockOptions): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const hold = (lock: Lock | null): Promise<void> | undefined => {
        if (lock)
          return new Promise((release) => {
            this.#release = release;
            resolve(true);
          });
        resolve(false);
        return undefined;
      };
      this.#locks.request(this.#name, options, hold).catch((error: unknown) => {
        if (options.signal?.aborted) resolve(false);
        else reject(error instanceof Error ? error : new Error(String(error)));
      });
    });
  }
}
