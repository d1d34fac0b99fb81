/**
 * What the engine wants stored, as it hands it over: changes to pairs of bytes, to be made in order and all at once.
 *
 * ```text
 * strict u8 | (kind u8 | length u32 | key | length u32 | value)*     little-endian
 * ```
 */

/** One change to the stored pairs. */
export type Change =
  | { kind: 'put'; key: Uint8Array<ArrayBuffer>; value: Uint8Array<ArrayBuffer> }
  | { kind: 'delete'; key: Uint8Array<ArrayBuffer> }
  /** All pairs go whose keys begin so. */
  | { kind: 'deletePrefix'; key: Uint8Array<ArrayBuffer> };

/** A stored pair. */
export type Pair = readonly [key: Uint8Array<ArrayBuffer>, value: Uint8Array<ArrayBuffer>];

/** A packed batch. */
export type Batch = Uint8Array<ArrayBuffer>;

/** Where a replica leaves what it comes back to. Every method that fails rejects with what the platform said. */
export interface Store {
  readonly kind: 'indexeddb' | 'directory';
  /** All pairs, in the order of their keys. Rejects with `DAMAGED` if some cannot be read. */
  load(): Promise<Pair[]>;
  /** The pairs that can be read, whatever happened to the others. */
  salvage(): Promise<Pair[]>;
  /** Stores batches in one transaction: all of them or none. Never called again before it has settled. */
  write(batches: readonly Batch[]): Promise<void>;
  /**
   * Sets aside what is stored, because it cannot be read, and begins anew with these batches, in one step. Returns where
   * it went, in words.
   */
  quarantine(batches: readonly Batch[]): Promise<string>;
  /** What older releases left under this name, in formats of their own. */
  older?(): Promise<Pair[]>;
  /** Removes that. To be called when what is of use in it has been stored. */
  dropOlder?(): void;
  /** Lets go of the storage, so that others can have it. */
  close(): Promise<void>;
}

/** Tells whether a batch holds what nobody else has, so that it must be safe before it counts as stored. */
export function isStrict(batch: Batch): boolean {
  return batch[0] === 1;
}

/** Reads the changes of a batch. */
export function* changes(batch: Batch): Generator<Change> {
  const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
  let at = 1;
  const bytes = (): Uint8Array<ArrayBuffer> => {
    const from = at + 4;
    at = from + view.getUint32(at, true);
    // A copy, because a store may keep a view's whole buffer.
    return batch.slice(from, at);
  };
  while (at < batch.length) {
    const kind = KINDS[batch[at++]!];
    const key = bytes();
    const value = bytes();
    if (kind === 'put') yield { kind, key, value };
    else if (kind) yield { kind, key };
  }
}

/** Returns the first key behind all that begin with `prefix`. */
export function behind(prefix: Uint8Array): Uint8Array<ArrayBuffer> {
  const end = prefix.slice();
  // The engine's keys are ASCII: the last byte never overflows.
  end[end.length - 1]! += 1;
  return end;
}

const KINDS = ['put', 'delete', 'deletePrefix'] as const;
