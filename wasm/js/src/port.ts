/**
 * The boundary to the engine: arguments out, replies, messages, events and records in.
 *
 * Everything crosses as bytes in the engine's own memory. What goes in is written to its scratch buffer, what comes
 * out is read from its out buffer, and a block of words says where both are and what has changed:
 *
 * ```text
 * call:    count u32 | (length u32 | bytes)*          little-endian, in the scratch buffer
 * words:   changes, session, out address, out length, scratch address, scratch length, …   (see crossing.ts)
 * ```
 *
 * Views of wasm memory die whenever it grows, which any call may cause: they are checked after each call and never
 * kept across one.
 */

import type { Replica } from '../pkg/sanderling_bg.js';
import { now } from './clock.js';
import { type Arg, type Args, type EngineEvent, type Page, type Touched, type Verdict, Word } from './crossing.js';
import { entropy } from './entropy.js';
import { SanderlingError } from './errors.js';
import type { Engine } from './module.js';
import { readReply, type Reply } from './reply.js';
import { encodeText, readText, writeText } from './text.js';

/** One replica in the engine. */
export class Port {
  /** The engine's words; a view without length right after memory has grown, until `refresh`. */
  words: Uint32Array = NO_WORDS;
  /** Whether the last call awaits an acknowledgement. */
  queued = false;

  /** The commands that are methods. */
  readonly commandNames: readonly string[];
  readonly #replica: Replica;
  readonly #memory: WebAssembly.Memory;
  #bytes: Uint8Array<ArrayBuffer> = NO_BYTES;
  #isFree = false;
  /** 16 random bytes that name this run of the replica. */
  readonly identity = crypto.getRandomValues(new Uint8Array(16));
  // The scratch buffer: where it begins and ends, where the next argument goes, and how many there are.
  #base = 0;
  #end = 0;
  #at = 0;
  #count = 0;

  constructor(engine: Engine, subscribe: readonly string[]) {
    this.commandNames = engine.commandNames;
    this.#memory = engine.memory;
    const length = (number: number): number[] => [number, number >> 8, number >> 16, number >> 24];
    const globs = subscribe.map(encodeText);
    const packed = globs.flatMap((glob) => [...length(glob.length), ...glob]);
    const options = Uint8Array.from([...this.identity, ...length(globs.length), ...packed]);
    this.#replica = new engine.Replica(options, now(), entropy(), entropy());
    this.refresh();
  }

  /** Views memory anew, if it has grown. */
  refresh(): void {
    const buffer = this.#memory.buffer as ArrayBuffer;
    if (this.words.buffer === buffer) return;
    this.#bytes = new Uint8Array(buffer);
    this.words = new Uint32Array(buffer, this.#replica.words(), WORD_COUNT);
  }

  /** Runs a call: a name, and arguments from the index `from` on. `reply` or `node` then read the answer. */
  execute(name: string, args: ArrayLike<Args>, from: number): void {
    this.#begin();
    this.#at += 4;
    this.#putText(name);
    for (let index = from; index < args.length; index++) this.#put(args[index]!);
    writeU32(this.#bytes, this.#base, this.#count);
    this.queued = this.#replica.execute(this.#at - this.#base, now(), entropy(), entropy());
    if (this.words.length === 0) this.refresh();
  }

  /** Runs `GET` on a shorter way; returns whether the answer holds until the key changes. */
  get(key: string): boolean {
    this.#begin();
    if (this.#at + key.length * 3 > this.#end) this.#reserve(key.length * 3);
    this.#at = writeText(this.#bytes, this.#at, key);
    const keeps = this.#replica.get(this.#at - this.#base, now());
    if (this.words.length === 0) this.refresh();
    return keeps;
  }

  /** The reply of the last call. */
  reply(binary: boolean): Reply<Uint8Array<ArrayBuffer>> {
    return readReply(this.#bytes, this.words[Word.OutAddress]!, binary);
  }

  /** The reply of the last call, in RESP3. */
  raw(): Uint8Array<ArrayBuffer> {
    return this.#takeOut();
  }

  /** Hands a message of the server in. */
  message(message: Uint8Array): Verdict {
    this.#begin();
    this.#putBytes(message);
    return this.#verdict(this.#replica.message(message.length, now(), entropy(), entropy()));
  }

  /** Says that the time of `Word.Timeout` has come. */
  timeout(): Verdict {
    return this.#verdict(this.#replica.timeout(now(), entropy(), entropy()));
  }

  /** Says that a connection is open. */
  connected(): void {
    this.#replica.connected(now(), entropy(), entropy());
    this.refresh();
  }

  /** Says that the connection is gone. */
  disconnected(): void {
    this.#replica.disconnected();
    this.refresh();
  }

  /** The next message to the server. */
  transmit(): Uint8Array<ArrayBuffer> | undefined {
    return this.#next('transmit');
  }

  /** The next piece of news. */
  event(): EngineEvent | undefined {
    const kind = EVENTS[this.#replica.event()];
    this.refresh();
    if (kind === 'subscribed') return { kind, seq: this.number(Word.EventSeq) };
    if (kind === 'message') {
      const at = this.words[Word.OutAddress]! + 4;
      const end = at + readU32(this.#bytes, at - 4);
      const length = readU32(this.#bytes, end);
      return { kind, channel: readText(this.#bytes, at, end), message: readText(this.#bytes, end + 4, end + 4 + length) };
    }
    if (kind && kind !== 'state' && kind !== 'resynced' && kind !== 'fetched') {
      const reply = readReply(this.#bytes, this.words[Word.OutAddress]!, false);
      return { kind, seq: this.number(Word.EventSeq), reply };
    }
    if (kind === 'fetched') return { kind, keys: this.#outKeys() };
    return kind && { kind };
  }

  /** Wants the keys of more globs, and of others no more. Returns the number of the event that tells when it is so. */
  subscribe(add: readonly string[], remove: readonly string[]): number {
    return this.#replica.subscribe(this.#pack([...add, ...remove]), add.length, now());
  }

  /** Runs a call on the server. Returns the number of the event that brings the reply. */
  remote(name: string, args: readonly Args[]): number {
    return this.#replica.remote(this.#pack([name, ...args]));
  }

  /** Listens to channels, and to others no more. */
  listen(join: readonly string[], leave: readonly string[]): void {
    this.#replica.listen(this.#pack([...join, ...leave]), join.length);
  }

  /** Sends a message on a channel; tells whether there is a connection. */
  publish(channel: string, message: Arg): boolean {
    return this.#replica.publish(this.#pack([channel, message]));
  }

  /** Hands the server a new token for this connection. */
  renew(token: string): void {
    this.#begin();
    this.#putBytes(encodeText(token));
    this.#replica.renew(this.#at - this.#base);
  }

  /** Gives a key a value for as long as the connection lasts; `null` ends that. */
  presence(key: string, value: Arg | null): void {
    this.#replica.presence(this.#pack(value === null ? [key] : [key, value]));
  }

  /** The next batch for the storage, packed as storage/batch.ts reads it. */
  store(): Uint8Array<ArrayBuffer> | undefined {
    return this.#next('store');
  }

  /** Gathers everything for the storage, in the place of whatever is in it. */
  startStoring(): void {
    this.#replica.start_storing();
    this.refresh();
  }

  /** Lets the next batch begin anew if that makes what is stored shorter. */
  compact(): void {
    this.#replica.compact();
    this.refresh();
  }

  /** Says that the connection may be gone, or that the clock jumped: the server is asked for a sign of life. */
  wake(): void {
    this.#replica.wake(now());
    this.refresh();
  }

  /** Gathers nothing for the storage from now on. */
  stopStoring(): void {
    this.#replica.stop_storing();
    this.refresh();
  }

  /** Makes the replica what was stored. Pairs come in the order of their keys. Throws `DAMAGED` if that fails. */
  load(pairs: Iterable<readonly [Uint8Array, Uint8Array]>): void {
    this.#stage(pairs);
    const loaded = this.#replica.load();
    this.refresh();
    if (!loaded) throw new SanderlingError('DAMAGED', this.#outText());
  }

  /** Takes over the pending commands that can be read in stored pairs, and returns how many there are. */
  salvage(pairs: Iterable<readonly [Uint8Array, Uint8Array]>): number {
    this.#stage(pairs);
    const count = this.#replica.salvage();
    this.refresh();
    return count;
  }

  #stage(pairs: Iterable<readonly [Uint8Array, Uint8Array]>): void {
    for (const [key, value] of pairs) {
      this.#begin();
      this.#putBytes(key);
      this.#putBytes(value);
      this.#replica.stage(key.length, value.length);
    }
  }

  /** Follows the replica of another tab from now on. */
  follow(): void {
    this.#replica.follow();
    this.refresh();
  }

  /**
   * Leads the other tabs from now on, those of these identities, with what is stored. Returns what they are to be told
   * first, and whether all that is stored could be read.
   */
  lead(pairs: Iterable<readonly [Uint8Array, Uint8Array]>, others: Uint8Array): { lead: Uint8Array; isWhole: boolean } {
    this.#stage(pairs);
    const isWhole = this.#replica.lead(others, now(), entropy(), entropy());
    this.refresh();
    return { lead: this.#takeOut(), isWhole };
  }

  /** What another tab needs to follow this one. */
  state(): Uint8Array<ArrayBuffer> {
    this.#replica.state();
    this.refresh();
    return this.#takeOut();
  }

  /** The next news for the tabs that follow. */
  news(): Uint8Array<ArrayBuffer> | undefined {
    return this.#next('news');
  }

  /** The next commands for the leader. */
  commands(): Uint8Array<ArrayBuffer> | undefined {
    return this.#next('commands');
  }

  /** Hands in what another tab said: commands, or the leader's words. Tells whether the leader's state is needed. */
  hear(bytes: Uint8Array, isCommands: boolean): boolean {
    this.#begin();
    this.#putBytes(bytes);
    const code = this.#replica.hear(bytes.length, isCommands);
    this.refresh();
    return code !== 0;
  }

  /** What changed since the last call. */
  touched(): Touched {
    const flushed = this.#replica.touched();
    this.refresh();
    return { flushed, keys: this.#outKeys() };
  }

  /** Bounds what the data may take; keys that were not used for long go first, or those that were used least often. */
  limitMemory(bytes: number, eviction: 'lru' | 'lfu'): void {
    this.#replica.limit_memory(bytes, eviction === 'lfu');
  }

  /** Forgets keys that do not fit; tells whether there are more. */
  shrink(): boolean {
    const more = this.#replica.shrink();
    this.refresh();
    return more;
  }

  /** Says that keys were read without the engine. */
  noteUses(keys: readonly string[]): void {
    this.#replica.note_uses(this.#pack(keys));
  }

  /** Asks the server for unknown keys of the interest; tells whether there is a connection. */
  fetch(keys: readonly string[]): boolean {
    return this.#replica.fetch(this.#pack(keys));
  }

  /** 2: reading the key answers; 1: it is of interest but unknown; 0: it is not of interest. */
  knows(key: string): number {
    this.#begin();
    this.#putBytes(encodeText(key));
    const knows = this.#replica.knows(this.#at - this.#base);
    this.refresh();
    return knows;
  }

  /** Brings the words about the replica's status up to date. */
  status(): void {
    this.#replica.status();
    this.refresh();
  }

  /** One page of the keys. */
  entries(match: string, cursor: string, count: number): Page {
    this.#begin();
    this.#putBytes(encodeText(match));
    const page = this.#replica.entries(this.#at - this.#base, BigInt(cursor), count, now()) as Page;
    this.refresh();
    return page;
  }

  /** A number of two words. */
  number(word: number): number {
    return this.words[word]! + this.words[word + 1]! * 2 ** 32;
  }

  /** Whether the engine's replica is gone. */
  get isFree(): boolean {
    return this.#isFree;
  }

  /** Frees the engine's replica. */
  free(): void {
    this.#isFree = true;
    this.#replica.free();
    this.words = NO_WORDS;
  }

  /** Writes words to the scratch buffer, as those of a call. */
  #pack(words: readonly Args[]): number {
    this.#begin();
    this.#at += 4;
    for (const word of words) this.#put(word);
    writeU32(this.#bytes, this.#base, this.#count);
    return this.#at - this.#base;
  }

  #begin(): void {
    if (this.words.length === 0) this.refresh();
    this.#base = this.#at = this.words[Word.ScratchAddress]!;
    this.#end = this.#base + this.words[Word.ScratchLength]!;
    this.#count = 0;
  }

  #put(args: Args): void {
    if (typeof args === 'string') this.#putText(args);
    else if (typeof args === 'number') this.#putText(numberText(args));
    else if (typeof args === 'bigint') this.#putText(String(args));
    else if (args instanceof Uint8Array) {
      const header = this.#header(args.length);
      this.#bytes.set(args, this.#at);
      this.#at += args.length;
      this.#close(header);
    } else if (isArray(args)) for (const arg of args) this.#put(arg);
    else if (args instanceof Map) for (const [field, value] of args as ReadonlyMap<Arg, Arg>) this.#putPair(field, value);
    else if (isPlainObject(args)) for (const field of Object.keys(args)) this.#putPair(field, args[field]!);
    else throw new SanderlingError('OPTIONS', `${String(args)} is no argument: pass a string, a number or bytes`);
  }

  #putPair(field: Arg, value: Arg): void {
    this.#put(field);
    this.#put(value);
  }

  #putText(text: string): void {
    const header = this.#header(text.length * 3);
    this.#at = writeText(this.#bytes, this.#at, text);
    this.#close(header);
  }

  /** Leaves room for an argument's length, makes room for `bytes` bytes of it, and returns where the length goes. */
  #header(bytes: number): number {
    if (this.#at + 4 + bytes > this.#end) this.#reserve(bytes + 4);
    this.#at += 4;
    return this.#at - this.#base - 4;
  }

  #close(header: number): void {
    const at = this.#base + header;
    writeU32(this.#bytes, at, this.#at - at - 4);
    this.#count++;
  }

  #putBytes(bytes: Uint8Array): void {
    if (this.#at + bytes.length > this.#end) this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** Makes room for `bytes` more. What has been written so far moves along. */
  #reserve(bytes: number): void {
    const used = this.#at - this.#base;
    this.#replica.reserve(used + bytes);
    this.refresh();
    const count = this.#count;
    this.#begin();
    this.#at += used;
    this.#count = count;
  }

  #verdict(code: number): Verdict {
    this.refresh();
    return { ok: code === 0, mayRetry: code === 1, text: code === 0 ? '' : this.#outText() };
  }

  #outKeys(): string[] {
    const keys: string[] = [];
    let at = this.words[Word.OutAddress]!;
    const end = at + this.words[Word.OutLength]!;
    while (at < end) {
      const from = at + 4;
      at = from + readU32(this.#bytes, at);
      keys.push(readText(this.#bytes, from, at));
    }
    return keys;
  }

  #outText(): string {
    const from = this.words[Word.OutAddress]!;
    return readText(this.#bytes, from, from + this.words[Word.OutLength]!);
  }

  #next(what: 'transmit' | 'store' | 'news' | 'commands'): Uint8Array<ArrayBuffer> | undefined {
    const any = this.#replica[what]();
    this.refresh();
    return any ? this.#takeOut() : undefined;
  }

  #takeOut(): Uint8Array<ArrayBuffer> {
    const from = this.words[Word.OutAddress]!;
    return this.#bytes.slice(from, from + this.words[Word.OutLength]!);
  }
}

const EVENTS = [
  undefined,
  'state',
  'resynced',
  'corrected',
  'refused',
  'subscribed',
  'notSubscribed',
  'reply',
  'message',
  'fetched',
  'declined',
] as const;
const WORD_COUNT = 24;
const NO_WORDS = new Uint32Array(0);
const NO_BYTES = new Uint8Array(0);

/** A number as Redis reads it: JavaScript writes infinity and large exponents in another way. */
function numberText(number: number): string {
  if (number === Infinity) return 'inf';
  if (number === -Infinity) return '-inf';
  return String(number);
}

function isArray(args: Args): args is readonly Args[] {
  return Array.isArray(args);
}

function isPlainObject(args: unknown): args is { readonly [field: string]: Arg } {
  if (typeof args !== 'object' || args === null) return false;
  const prototype: unknown = Object.getPrototypeOf(args);
  return prototype === Object.prototype || prototype === null;
}

function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >> 8;
  bytes[at + 2] = value >> 16;
  bytes[at + 3] = value >> 24;
}

function readU32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}
