/** What TypeScript sees of the package: typed replies, typed events, and no error in its declarations. */

import { open, type Reply, type Sanderling, SanderlingError, type Status } from 'sanderling';

const db: Sanderling = await open({ name: 'types', url: 'ws://localhost/sync', subscribe: ['user:*'], storage: 'memory' });
const name: string | null = db.get('user:1');
const count: number = db.hset('user:1', { name: name ?? 'Ada', visits: 1 });
const fields: { [field: string]: string } = db.hgetall('user:1');
const bytes: Uint8Array | null = db.buffers.get('user:1');
const scores: (number | null)[] = db.zmscore('scores', 'a', 'b');
const anything: Reply = db.call('SET', 'k', new Uint8Array(1), 'EX', 10n);
db.mset({ a: 1, b: 'two' });
db.del(['a', 'b'], 'c');
const replies: Reply[] = db.transaction((tx) => tx.incr('n'));
const stop: () => void = db.on('status', (status: Status) => console.log(status.state === 'live', status.retryAt));
db.on('refused', ({ seq, error }) => console.log(seq.toFixed(), error instanceof SanderlingError, error.code));
db.subscribeKey('user:*', (key: string | null) => console.log(key));
console.log(count, fields, bytes, scores, anything, replies, stop);
// @ts-expect-error There is no such command.
db.nosuchcommand('k');
// @ts-expect-error An event that nobody sends.
db.on('nothing', () => undefined);
await db.close();
