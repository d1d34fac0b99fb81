/**
 * The storage of Node, Bun and Deno: one append-only file in a directory, and a lock beside it.
 *
 * ```text
 * replica.log   "SNDLREP" version u8 | frame*
 * frame         length u32 | CRC-32 of the payload u32 | payload: a batch          little-endian
 * lock          the process id of the owner
 * ```
 * A frame is a transaction. One that is cut short at the file's end was being written when the process died: it never
 * happened, and is cut off. One that is whole but does not match its CRC is damage, and everything is set aside. When
 * most of the file is outdated, what still counts is written to a new file that takes its place.
 */

import { copyFile, mkdir, open, readFile, rename, rm, writeFile, type FileHandle } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { reason, SanderlingError } from '../errors.js';
import { type Batch, changes, isStrict, type Pair, type Store } from './batch.js';

/** Opens a directory for a replica, and makes it if need be. Throws `LOCKED` if somebody has it open. */
export async function openDirectory(directory: string, name: string): Promise<Store> {
  const folder = join(resolve(directory), encodeURIComponent(name));
  await mkdir(folder, { recursive: true });
  await lock(folder);
  try {
    return new DirectoryStore(folder, await open(join(folder, FILE), 'a'));
  } catch (error) {
    await unlock(folder);
    throw error;
  }
}

class DirectoryStore implements Store {
  readonly kind = 'directory';
  readonly #folder: string;
  #file: FileHandle;
  /** The length of the file, and of it what still counts. */
  #fileBytes = 0;
  #liveBytes = 0;
  /** How long each pair is, by its key as text: what replacing or deleting it makes outdated. */
  #sizes = new Map<string, number>();

  constructor(folder: string, file: FileHandle) {
    this.#folder = folder;
    this.#file = file;
  }

  async load(): Promise<Pair[]> {
    const bytes = new Uint8Array(await readFile(this.#path));
    if (bytes.length < HEADER.length) {
      // A new file, or one whose first write was cut short.
      await this.#file.truncate(0);
      await this.#append([HEADER], true);
      return [];
    }
    const { pairs, end } = readLog(bytes);
    if (end < bytes.length) await this.#file.truncate(end);
    this.#fileBytes = end;
    for (const [key, [, value]] of pairs) this.#count(key, value.length);
    return [...pairs.values()].sort(([a], [b]) => compare(a, b));
  }

  async salvage(): Promise<Pair[]> {
    const { pairs } = readLog(new Uint8Array(await readFile(this.#path)), { lenient: true });
    return [...pairs.values()];
  }

  async write(batches: readonly Batch[]): Promise<void> {
    // One frame, so that the batches stay together.
    const payload = batches.length === 1 ? batches[0]! : joined(batches);
    await this.#append(frame(payload), batches.some(isStrict));
    this.#countBatch(payload);
    if (this.#fileBytes > 2 * this.#liveBytes + COMPACTION_BYTES_MIN) await this.#compact();
  }

  async quarantine(batches: readonly Batch[]): Promise<string> {
    const aside = join(this.#folder, 'damaged.log');
    await copyFile(this.#path, aside);
    this.#sizes.clear();
    this.#liveBytes = 0;
    const payload = joined(batches);
    await this.#replace(batches.length > 0 ? [HEADER, ...frame(payload)] : [HEADER]);
    this.#countBatch(payload);
    return `it is kept as ${aside}`;
  }

  async close(): Promise<void> {
    await this.#file.close();
    await unlock(this.#folder);
  }

  get #path(): string {
    return join(this.#folder, FILE);
  }

  async #append(parts: readonly Uint8Array[], strict: boolean): Promise<void> {
    const { bytesWritten } = await this.#file.writev(parts);
    const bytes = parts.reduce((sum, part) => sum + part.length, 0);
    if (bytesWritten !== bytes) throw new Error(`only ${bytesWritten} of ${bytes} bytes could be written`);
    this.#fileBytes += bytes;
    if (strict) await this.#file.datasync();
  }

  /** Writes what still counts to a new file and puts that in the place of the old one. */
  async #compact(): Promise<void> {
    const { pairs } = readLog(new Uint8Array(await readFile(this.#path)));
    // One frame again: what is left is a state, not a part of one.
    await this.#replace([HEADER, ...frame(joined([...pairs.values()].map(([key, value]) => put(key, value))))]);
  }

  /** Puts a new file in the place of the old one, in one step. */
  async #replace(parts: readonly Uint8Array[]): Promise<void> {
    const path = join(this.#folder, `${FILE}.new`);
    await writeFile(path, Buffer.concat(parts), { flush: true });
    await rename(path, this.#path);
    await this.#file.close();
    this.#file = await open(this.#path, 'a');
    this.#fileBytes = parts.reduce((sum, part) => sum + part.length, 0);
  }

  #countBatch(batch: Batch): void {
    for (const change of changes(batch)) {
      if (change.kind === 'put') this.#count(latin1(change.key), change.value.length);
      else if (change.kind === 'delete') this.#forget(latin1(change.key));
      else for (const key of [...this.#sizes.keys()]) if (key.startsWith(latin1(change.key))) this.#forget(key);
    }
  }

  #count(key: string, bytes: number): void {
    this.#forget(key);
    const size = bytes + key.length + PAIR_OVERHEAD;
    this.#sizes.set(key, size);
    this.#liveBytes += size;
  }

  #forget(key: string): void {
    this.#liveBytes -= this.#sizes.get(key) ?? 0;
    this.#sizes.delete(key);
  }
}

/**
 * Reads a log: the pairs by their keys as text, and where its last whole frame ends. Throws `DAMAGED`; if it is to be
 * lenient it looks for the next sound frame instead.
 */
function readLog(bytes: Uint8Array<ArrayBuffer>, { lenient = false } = {}): { pairs: Map<string, Pair>; end: number } {
  if (!lenient && !HEADER.every((byte, index) => bytes[index] === byte))
    throw new SanderlingError('DAMAGED', 'the file does not begin as a log of this release does');
  const view = new DataView(bytes.buffer);
  const pairs = new Map<string, Pair>();
  let at = HEADER.length;
  while (at + FRAME_HEADER_BYTES <= bytes.length) {
    const from = at + FRAME_HEADER_BYTES;
    const to = from + view.getUint32(at, true);
    const payload = bytes.subarray(from, to);
    const isSound = to <= bytes.length && crc32(payload) === view.getUint32(at + 4, true);
    if (lenient && !(isSound && to > from)) {
      at++;
      continue;
    }
    if (to > bytes.length) break;
    if (!isSound) {
      // Zeros or half a write at the very end are what a power cut leaves.
      if (to === bytes.length) break;
      throw new SanderlingError('DAMAGED', `the transaction at byte ${at} does not match its checksum`);
    }
    apply(pairs, payload);
    at = to;
  }
  return { pairs, end: at };
}

function apply(pairs: Map<string, Pair>, batch: Batch): void {
  for (const change of changes(batch)) {
    const key = latin1(change.key);
    if (change.kind === 'put') pairs.set(key, [change.key, change.value]);
    else if (change.kind === 'delete') pairs.delete(key);
    else for (const other of [...pairs.keys()]) if (other.startsWith(key)) pairs.delete(other);
  }
}

function frame(payload: Batch): Uint8Array[] {
  const header = new Uint8Array(FRAME_HEADER_BYTES);
  const view = new DataView(header.buffer);
  view.setUint32(0, payload.length, true);
  view.setUint32(4, crc32(payload), true);
  return [header, payload];
}

/** Makes one batch of several: the first one's mark, then everybody's changes. */
function joined(batches: readonly Batch[]): Batch {
  const parts = batches.map((batch, index) => (index === 0 ? batch : batch.subarray(1)));
  return new Uint8Array(Buffer.concat(parts));
}

/** Packs a batch that puts one pair. */
function put(key: Uint8Array, value: Uint8Array): Batch {
  const batch = new Uint8Array(10 + key.length + value.length);
  const view = new DataView(batch.buffer);
  view.setUint32(2, key.length, true);
  batch.set(key, 6);
  view.setUint32(6 + key.length, value.length, true);
  batch.set(value, 10 + key.length);
  return batch;
}

/** Takes the lock, also one whose owner died without letting go. */
async function lock(folder: string): Promise<void> {
  const path = join(folder, LOCK);
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      await writeFile(path, String(process.pid), { flag: 'wx' });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const owner = Number(await readFile(path, 'utf8').catch(() => ''));
      if (isAlive(owner)) throw new SanderlingError('LOCKED', `process ${owner} has ${folder} open`);
      await rm(path, { force: true });
    }
  }
  throw new SanderlingError('LOCKED', `another process is opening ${folder}`);
}

async function unlock(folder: string): Promise<void> {
  await rm(join(folder, LOCK), { force: true });
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !reason(error).includes('ESRCH');
  }
}

/** A key as text with one character a byte: it sorts and compares as the bytes do. */
function latin1(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');
}

function compare(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}

/** The CRC-32 of zlib, PNG and Ethernet (polynomial EDB88320, reflected). */
function crc32(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) crc = (crc >>> 8) ^ CRC_TABLE[(crc ^ byte) & 0xff]!;
  return ~crc >>> 0;
}

const CRC_TABLE = Int32Array.from({ length: 256 }, (_, index) => {
  let crc = index;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

/** "SNDLREP" and the version of the format. */
const HEADER = Uint8Array.of(0x53, 0x4e, 0x44, 0x4c, 0x52, 0x45, 0x50, 1);
const FRAME_HEADER_BYTES = 8;
/** What a pair takes in a frame beside its key and value. */
const PAIR_OVERHEAD = 18;
/** A file with less outdated content than this is not worth rewriting. */
const COMPACTION_BYTES_MIN = 1024 * 1024;
const FILE = 'replica.log';
const LOCK = 'lock';
