/**
 * The replica as a program holds it: commands, events, the connection and the storage around one engine.
 *
 * Whatever happens (a command, a message, a timer) goes into the engine first. What came of it is drained once, in a
 * microtask: messages to the server, news, changed keys, batches for the storage. So a loop of a thousand commands costs
 * one message, one transaction and one call of each listener.
 */

import type { Bytes, Commands, Events, Transaction } from './api.js';
import { now, pause } from './clock.js';
import { type Arg, type Args, type Page, Word } from './crossing.js';
import { Emitter } from './emitter.js';
import { closedError, reason, SanderlingError } from './errors.js';
import type { Fetches, FetchOptions } from './fetches.js';
import { Life } from './lifecycle.js';
import { Link, type LinkOwner, syncUrl, type WebSocketConstructor } from './link.js';
import { addMethod, Buffers, thrown } from './methods.js';
import { Mirror } from './mirror.js';
import { asStorageError, Persister } from './persister.js';
import type { Port } from './port.js';
import type { Reply } from './reply.js';
import type { Store } from './storage/batch.js';
import { type Persistence, persistence } from './storage/persistence.js';
import { type Status, statusOf } from './status.js';
import { Subscriptions } from './subscriptions.js';
import { hostOf } from './tabs/host.js';
import { Tabs, type TabsOptions } from './tabs/tabs.js';
import { type MessageListener, Talk } from './talk.js';
import { isWellFormed } from './text.js';
import type { TokenSource } from './token.js';

/** A replica. Its commands are methods: see `Commands`. */
export interface Sanderling extends Commands<string>, AsyncDisposable {}

export class Sanderling {
  /** Every command once more, with strings in replies as bytes. */
  readonly buffers: Commands<Bytes>;

  readonly #port: Port;
  readonly #mirror: Mirror;
  readonly #events = new Emitter<Events>();
  readonly #subscriptions = new Subscriptions();
  readonly #talk = new Talk();
  #fetches: Fetches | undefined;
  readonly #memoryMax: number | null;
  #evicted = 0;
  readonly #link: Link;
  readonly #persister: Persister;
  readonly #life: Life;
  readonly #tabs: Tabs | undefined;
  #url: string | undefined;
  #status: Status | undefined;
  #closed: Promise<void> | undefined;

  /** The engine's count of changes up to which the mirror is exact. */
  #seen = 0;
  #session = 0;
  #changed = new Set<string>();
  #flushed = false;

  #draining = false;
  #queued = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerAt = Infinity;

  #settled: { seq: number; resolve: () => void; reject: (error: SanderlingError) => void }[] = [];

  /** @internal */
  constructor(
    port: Port,
    store: Store | undefined,
    reopen: () => Promise<Store | undefined>,
    webSocket: () => Promise<WebSocketConstructor>,
    token?: TokenSource,
    tabs?: TabsOptions,
    memoryMax: number | null = null,
  ) {
    this.#port = port;
    Sanderling.#offer(port.commandNames);
    this.#memoryMax = memoryMax;
    this.#mirror = memoryMax === null ? new Mirror() : new Mirror(Math.min(MIRROR_MAX, memoryMax / 8));
    this.#persister = new Persister(port, (error, isMemory) => {
      this.warn(error, isMemory);
      this.#schedule();
    });
    this.#persister.start(store, { anew: false });
    this.#seen = port.words[Word.Changes]!;
    port.touched();
    this.#link = new Link(this.#linkOwner(), webSocket, token);
    this.buffers = new Buffers(this) as unknown as Commands<Bytes>;
    const parts = {
      port,
      link: this.#link,
      persister: this.#persister,
      talk: this.#talk,
      reopen,
      url: () => this.#url,
      tabs: () => this.#tabs,
      schedule: () => this.#schedule(),
      warn: (error: SanderlingError, isMemory?: boolean) => this.warn(error, isMemory),
    };
    this.#life = new Life(parts);
    this.#tabs = tabs && new Tabs(hostOf(parts), tabs);
  }

  /** Makes the engine's commands methods. */
  static #offer(names: readonly string[]): void {
    for (const name of names) {
      addMethod(Buffers.prototype, name, function (this: Buffers, ...args) {
        return this.db.callBuffer(name, ...args);
      });
      addMethod(this.prototype, name, function (this: Sanderling, ...args) {
        return this.#run(name, args, 0);
      });
    }
  }

  /** Returns the string value of a key. As fast as a `Map` for keys that are read often. */
  get(key: Args): string | null {
    if (this.#port.words[Word.Changes] !== this.#seen) this.#catchUp();
    const value = this.#mirror.young.get(key as string);
    return value !== undefined ? value : this.#getFromEngine(key);
  }

  /** Runs any command by its name. */
  call(name: string, ...args: Args[]): Reply {
    return this.#run(name, args, 0);
  }

  /** Runs any command by its name, with strings in the reply as bytes. */
  callBuffer(name: string, ...args: Args[]): Reply<Bytes> {
    this.#execute(name, args, 0);
    return thrown(this.#port.reply(true));
  }

  /** Runs any command by its name and returns its reply as the engine wrote it, in RESP3. An error reply is not thrown. */
  callRaw(name: string, ...args: Args[]): Bytes {
    this.#execute(name, args, 0);
    return this.#port.raw();
  }

  /**
   * Runs commands as one transaction and returns their replies; a command that failed leaves its error among them.
   *
   * With `watch`, the transaction rests on the values that these keys have now: if another replica was faster, the
   * server refuses all of it, what it did here is taken back, and `refused` tells.
   */
  transaction(run: (transaction: Transaction) => void, { watch = [] }: { watch?: readonly string[] } = {}): Reply[] {
    if (watch.length > 0) this.#run('WATCH', watch, 0);
    this.#run('MULTI', [], 0);
    try {
      const result: unknown = run(this as unknown as Transaction);
      if (result instanceof Promise) throw new SanderlingError('OPTIONS', 'a transaction cannot wait: its function must not be async');
    } catch (error) {
      if (this.#session) this.#run('DISCARD', [], 0);
      throw error;
    }
    return this.#run('EXEC', [], 0) as Reply[];
  }

  /** Adds a listener; returns what removes it. */
  on<Name extends keyof Events>(name: Name, listener: (value: Events[Name]) => void): () => void {
    return this.#events.on(name, listener);
  }

  /** Removes a listener. */
  off<Name extends keyof Events>(name: Name, listener: (value: Events[Name]) => void): void {
    this.#events.off(name, listener);
  }

  /**
   * Calls `listener` once a tick for each changed key that matches the glob, and with `null` if all of them may have
   * changed. Returns what ends that.
   */
  subscribeKey(glob: string, listener: (key: string | null) => void): () => void {
    return this.#subscriptions.add(glob, listener);
  }

  /**
   * Holds the keys of more globs as well. Resolves when they are there; without a connection, that is after the next one.
   * Until then they are unknown.
   */
  async subscribe(...globs: string[]): Promise<void> {
    await this.#subscribe(globs, []);
  }

  /** Holds the keys of some globs no more. */
  async unsubscribe(...globs: string[]): Promise<void> {
    await this.#subscribe([], globs);
  }

  /**
   * Whether reading a key answers: with its value, or with nothing because there is none. If not, a read throws
   * `UNKNOWN`: the key lies outside of what was subscribed to, or the memory budget made the replica forget it.
   */
  knows(key: string): boolean {
    this.#assertOpen();
    return this.#port.knows(key) === 2;
  }

  /**
   * Resolves when reading the keys answers, after asking the server if need be. A key outside of what was subscribed to is
   * held from then on, as long as memory allows. Rejects with `OFFLINE` if there is no connection, or it ends before the
   * answer, and with `TIMEOUT`.
   */
  async fetch(keys: string | readonly string[], options: FetchOptions = {}): Promise<void> {
    const list = typeof keys === 'string' ? [keys] : keys;
    if (list.every((key) => this.knows(key))) return;
    const { Fetches } = await import('./fetches.js').catch((cause: unknown) => {
      throw this.error('OFFLINE', 'a key is unknown here, and a part of the package cannot be loaded', { cause });
    });
    this.#assertOpen();
    const port = this.#port;
    this.#fetches ??= new Fetches({
      knows: (key) => port.knows(key),
      // Not by `status`, which remembers what its listeners have been told.
      state: () => statusOf(port, this.#link, this.#persister.kind, this.#tabs, undefined).state,
      ask: (keys) => {
        (this.#tabs ?? port).fetch(keys);
        this.#schedule();
      },
      subscribe: (glob) => this.subscribe(glob),
      unsubscribe: (glob) => void this.unsubscribe(glob).catch(() => undefined),
      error: (code, text) => this.error(code, text),
    });
    await this.#fetches.fetch(list, options);
  }

  /** What the data takes in the engine's memory, in bytes, the most that it may, and how many keys were forgotten for it. */
  get budget(): { readonly used: number; readonly max: number | null; readonly evicted: number } {
    this.#assertOpen();
    this.#port.status();
    return { used: this.#port.words[Word.Memory]!, max: this.#memoryMax, evicted: this.#port.words[Word.Evicted]! };
  }

  /**
   * Runs a command on the server, once at most, and resolves with its reply: for what a replica can't predict or must
   * wait for, such as `BLPOP`. Rejects with `LOST` if there is no connection or it ends before the reply.
   */
  remote(name: string, ...args: Args[]): Promise<Reply> {
    if (!this.#tabs || this.#tabs.isLeader) return this.#ask(() => this.#port.remote(name, args));
    this.#assertOpen();
    return this.#tabs.remote(name, args);
  }

  /** Listens to a channel, on each connection anew. Returns what ends that. */
  listen(channel: string, listener: MessageListener): () => void {
    this.#assertOpen();
    if (this.#talk.listen(channel, listener)) this.#listen(channel, true);
    this.#schedule();
    return () => {
      if (!this.#talk.leave(channel, listener) || this.#port.isFree) return;
      this.#listen(channel, false);
      this.#schedule();
    };
  }

  /** Sends a message to all who listen to a channel at this moment. Tells whether there was a connection. */
  publish(channel: string, message: Arg): boolean {
    this.#assertOpen();
    this.#schedule();
    return (this.#tabs ?? this.#port).publish(channel, message);
  }

  /** Gives a key a value that others see for as long as this replica is connected; `null` ends that. */
  presence(key: string, value: Arg | null): void {
    this.#assertOpen();
    (this.#tabs ?? this.#port).presence(key, value);
    this.#schedule();
  }

  /** How the replica stands: the same object until something changes. */
  get status(): Status {
    if (!this.#port.isFree) this.#status = statusOf(this.#port, this.#link, this.#persister.kind, this.#tabs, this.#status);
    return this.#status!;
  }

  /** The number of the command that was queued for the server last. */
  get lastSeq(): number {
    this.#assertOpen();
    return this.#port.number(Word.LastSeq);
  }

  /** Resolves when the server has acknowledged every command so far. */
  settled(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(closedError());
      // What an earlier run left behind goes before the first command of this one.
      this.#settled.push({ seq: Math.max(this.lastSeq, 1), resolve, reject });
      this.#schedule();
    });
  }

  /** Resolves when everything so far is in the storage. */
  stored(): Promise<void> {
    return this.#tabs?.isLeader === false ? this.#tabs.stored() : this.#persister.stored();
  }

  /**
   * Tells whether the browser promises to keep what is stored, and how much room there is. With `request: true` it is
   * asked for that promise, which may make it ask its user.
   */
  persistence(options?: { request?: boolean }): Promise<Persistence> {
    return persistence(options);
  }

  /** One page of the keys: those that match the glob, about `count` of them, from `cursor` on. */
  entries({ match = '*', cursor = '0', count = 100 }: { match?: string; cursor?: string; count?: number } = {}): Page {
    this.#assertOpen();
    return this.#port.entries(match, cursor, count);
  }

  /** Switches the network on, to `url` if one is given. */
  connect(url?: string): void {
    this.#assertOpen();
    if (url !== undefined) this.#url = syncUrl(url);
    if (this.#url === undefined) throw new SanderlingError('OPTIONS', 'there is no url to connect to');
    this.#network(this.#url);
  }

  /** @internal Sets the address without connecting. */
  remember(url: string): void {
    this.#url = url;
  }

  /** Switches the network off. Commands go on as before and are pushed after the next `connect`. */
  disconnect(): void {
    this.#network(null);
  }

  /** Stores what is left, closes the connection and frees the engine. Later calls throw `CLOSED`. */
  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  /** Closes the replica at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#life.close();
    this.#drain();
    this.#link.stop();
    // Another tab may have to take over first.
    if (this.#tabs?.isLeader === false)
      await Promise.race([this.#tabs.stored(), pause(HANDOVER_MS_MAX)]);
    await this.#persister.stored();
    clearTimeout(this.#timer);
    this.#status = { ...this.status, state: 'closed' };
    this.#port.free();
    this.#mirror.clear();
    for (const { reject } of this.#settled.splice(0)) reject(closedError());
    this.#talk.close(closedError());
    this.#fetches?.close(closedError());
    await this.#persister.close().catch((error: unknown) => this.warn(asStorageError(error)));
    this.#tabs?.close();
    this.#events.emit('status', this.#status);
  }

  #run(name: string, args: ArrayLike<Args>, from: number): Reply {
    this.#execute(name, args, from);
    return thrown(this.#port.reply(false) as Reply);
  }

  #execute(name: string, args: ArrayLike<Args>, from: number): void {
    const port = this.#port;
    if (port.words.length === 0) this.#assertOpen();
    port.execute(name, args, from);
    if (port.queued) {
      this.#queued = true;
      this.#schedule();
    }
    if (port.words[Word.Session] !== this.#session) {
      // While a transaction is open a read answers `QUEUED`: the mirror must not answer in its place.
      this.#session = port.words[Word.Session]!;
      this.#mirror.clear();
    }
  }

  #getFromEngine(key: Args): string | null {
    if (typeof key !== 'string') return this.#run('GET', [key], 0) as string | null;
    const kept = this.#mirror.get(key);
    if (kept !== undefined) return kept;
    const keeps = this.#port.get(key);
    const value = thrown(this.#port.reply(false)) as string | null;
    // Two keys that differ only in half a surrogate pair are one to the engine, which could not say which changed.
    if (keeps && isWellFormed(key)) this.#mirror.set(key, value);
    return value;
  }

  /** Makes the mirror exact, and remembers for the next tick what changed. */
  #catchUp(): void {
    this.#assertOpen();
    this.#port.refresh();
    if (this.#port.words[Word.Changes] === this.#seen) return;
    const { flushed, keys } = this.#port.touched();
    this.#seen = this.#port.words[Word.Changes]!;
    if (flushed) this.#mirror.clear();
    else for (const key of keys) this.#mirror.drop(key);
    this.#fetches?.changed(keys, flushed);
    if (!this.#events.has('change') && this.#subscriptions.isEmpty) return;
    if (flushed) this.#flushed = true;
    for (const key of keys) this.#changed.add(key);
  }

  #ask(say: () => number): Promise<Reply> {
    this.#assertOpen();
    const answer = this.#talk.wait(say());
    this.#schedule();
    return answer;
  }

  async #subscribe(add: readonly string[], remove: readonly string[]): Promise<void> {
    this.#assertOpen();
    if (this.#tabs) await this.#tabs.subscribe(add, remove);
    else await this.#ask(() => this.#port.subscribe(add, remove));
  }

  #listen(channel: string, isOn: boolean): void {
    if (this.#tabs) this.#tabs.listen(channel, isOn);
    else if (isOn) this.#port.listen([channel], []);
    else this.#port.listen([], [channel]);
  }

  /** Switches the network, which all tabs share. */
  #network(url: string | null): void {
    if (this.#tabs && !this.#tabs.isLeader) this.#tabs.network(url);
    else if (url === null) this.#link.stop();
    else this.#link.start(url);
  }

  #schedule(): void {
    if (this.#draining) return;
    this.#draining = true;
    queueMicrotask(() => {
      this.#draining = false;
      if (!this.#port.isFree) this.#drain();
    });
  }

  /** Takes out of the engine all that has come about, and hands it on. */
  #drain(): void {
    const port = this.#port;
    for (let message = port.transmit(); message; message = port.transmit()) this.#link.send(message);
    for (let event = port.event(); event; event = port.event()) {
      const { kind } = event;
      if (kind === 'corrected') this.#events.emit('correction', { seq: event.seq, reply: event.reply });
      else if (kind === 'refused') this.#refuse(event.seq, event.reply);
      else if (kind === 'declined') this.warn(new SanderlingError('DECLINED', reason(event.reply)));
      else if (kind === 'fetched') this.#fetches?.answered(event.keys);
      else {
        if (kind === 'message') this.#tabs?.message(event.channel, event.message);
        this.#talk.handle(event);
      }
    }
    if (this.#memoryMax !== null) this.#shrink();
    this.#tabs?.drain();
    this.#catchUp();
    this.#notify();
    port.status();
    this.#fetches?.handle();
    this.#settle();
    this.#armTimer();
    // Chromium holds up a message whose task also begins a transaction. Timers of a hidden page may be late by a minute.
    if (!this.#queued) this.#persister.soon();
    else if (this.#link.state === 'open' && globalThis.document?.visibilityState !== 'hidden') setTimeout(this.#persister.now);
    else this.#persister.now();
    this.#queued = false;
    this.#tellStatus();
  }

  /** Forgets keys that do not fit, and lets the engine know now and then which ones are read in the mirror. */
  #shrink(): void {
    if (this.#port.shrink()) setTimeout(() => this.#schedule());
    const evicted = this.#port.words[Word.Evicted]!;
    if (((evicted - this.#evicted) >>> 0) < EVICTED_PER_AGE) return;
    this.#evicted = evicted;
    const reads = this.#mirror.takeReads();
    this.#mirror.age();
    if (reads.length > 0) this.#port.noteUses(reads);
  }

  #refuse(seq: number, reply: Reply): void {
    const error = reply instanceof SanderlingError ? reply : new SanderlingError('ERR', String(reply));
    if (!this.#events.emit('refused', { seq, error }))
      console.warn(`sanderling: the server refused command ${seq}: ${error.message}`);
  }

  #notify(): void {
    if (!this.#flushed && this.#changed.size === 0) return;
    const keys = [...this.#changed];
    const flushed = this.#flushed;
    this.#changed.clear();
    this.#flushed = false;
    this.#events.emit('change', { keys, flushed });
    this.#subscriptions.notify(keys, flushed);
  }

  #settle(): void {
    if (this.#settled.length === 0) return;
    const pending = this.#port.words[Word.Pending]!;
    const acknowledged = pending === 0 ? Infinity : this.#port.number(Word.Acknowledged);
    const waiting = this.#settled;
    this.#settled = waiting.filter(({ seq }) => seq > acknowledged);
    for (const { seq, resolve } of waiting) if (seq <= acknowledged) resolve();
  }

  #armTimer(): void {
    const at = this.#port.number(Word.Timeout);
    // Each message puts the time off; a timer that fires too early only asks again.
    if (at >= this.#timerAt || at > Number.MAX_SAFE_INTEGER) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    const waitMs = Math.min(Math.max(0, at - now()), TIMER_MS_MAX);
    const dueMs = performance.now() + waitMs;
    this.#timer = setTimeout(() => {
      this.#timerAt = Infinity;
      if (this.#port.isFree) return;
      // A machine that slept, or a page that was frozen, has missed nothing that it could have heard.
      if (performance.now() > dueMs + LATE_MS) this.#port.wake();
      else if (!this.#life.lookAtClock()) {
        const { ok, mayRetry, text } = this.#port.timeout();
        if (!ok) this.#link.fail(text, mayRetry);
      }
      this.#drain();
    }, waitMs);
  }

  #tellStatus(): void {
    if (!this.#events.has('status')) return;
    const before = this.#status;
    const now = this.status;
    if (before !== now) this.#events.emit('status', now);
  }

  #assertOpen(): void {
    if (this.#port.isFree) throw closedError();
    this.#port.refresh();
  }

  /** @internal Whether the replica keeps what is written at a key. */
  isOfInterest(key: string): boolean {
    return this.#port.isFree || this.#port.knows(key) > 0;
  }

  /** @internal An error of the package, for its modules that stand alone. */
  error(code: string, text: string, options?: ErrorOptions): SanderlingError {
    return new SanderlingError(code, text, options);
  }

  /** @internal The storage is gone: the replica goes on from memory. */
  loseStore(error: SanderlingError): void {
    this.#persister.lose(error);
  }

  /** @internal */
  warn(error: SanderlingError, isMemory = false): void {
    const text = isMemory ? `the replica works from memory: ${error.message}` : error.message;
    const warning = new SanderlingError(error.code, text, { cause: error });
    if (!this.#events.emit('warning', warning)) console.warn(`sanderling: ${warning.message}`);
  }

  /** @internal Resolves when there is something to show: what was stored, or what another tab has. */
  get arrived(): Promise<void> {
    return this.#tabs?.arrived ?? Promise.resolve();
  }

  #linkOwner(): LinkOwner {
    return {
      opened: () => {
        this.#port.connected();
        this.#drain();
      },
      received: (message) => {
        this.#life.lookAtClock();
        const { ok, mayRetry, text } = this.#port.message(message);
        if (ok) this.#link.works();
        else this.#link.fail(text, mayRetry);
        this.#schedule();
      },
      renewed: (token) => {
        this.#port.renew(token);
        this.#schedule();
      },
      ended: () => {
        this.#port.disconnected();
        this.#schedule();
      },
      gaveUp: (error) => {
        if (!this.#events.emit('error', error)) console.warn(`sanderling: ${error.message}`);
      },
      changed: () => this.#schedule(),
    };
  }
}

/** No timer is set for longer: one that fires too early only asks again, and long ones overflow. */
const TIMER_MS_MAX = 60_000;
/** A timer that is this late did not run while it should have. */
const LATE_MS = 5_000;
/** How long a tab that closes waits for another one to store its commands. */
const HANDOVER_MS_MAX = 2_000;
/** After so many forgotten keys the engine is told which ones are read in the mirror: an age of it. */
const EVICTED_PER_AGE = 128;
/** Code units of one generation of the mirror, if there is a budget. */
const MIRROR_MAX = 8 * 1024 * 1024;
