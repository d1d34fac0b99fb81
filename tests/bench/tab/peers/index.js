/**
 * Who is measured, in the order of the table. Each module is loaded alone, in a process or page of its own.
 *
 * A peer's module exports `open(surroundings)`, which makes a store with the methods that it has: `get`, `set`, `incr`,
 * `hset`, `push`, `zadd`, `top` (the ten members with the highest scores), `load` and `zload` (many at once), `watch`
 * (calls back when a key has changed), `flush` (what ends a run of writes), `breathe` and `rest` (wait for what was put
 * off), `snapshot` and `restore`. What a peer has no
 * equivalent of is left out, and a dash in the table.
 */

export const peers = [
  { name: 'sanderling', module: 'sanderling', packages: ['sanderling'], isStored: true },
  { name: 'sanderling (not stored)', module: 'sanderling', packages: ['sanderling'], isStored: false },
  { name: 'Map', module: 'map', packages: [] },
  { name: 'lru-cache', module: 'lru', packages: ['lru-cache'] },
  { name: 'tinybase', module: 'tinybase', packages: ['tinybase'] },
  { name: 'yjs', module: 'yjs', packages: ['yjs'] },
  { name: 'loro', module: 'loro', packages: ['loro-crdt'] },
  { name: 'automerge', module: 'automerge', packages: ['@automerge/automerge'] },
];
