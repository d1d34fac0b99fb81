/**
 * What each command answers, for the typings of its method.
 *
 * A command that is missing here is a method all the same; its reply is then of the general type.
 */

import type { Reply } from './reply.js';

/** The reply of the command `Name`, with strings as `V`. */
export type ReplyOf<Name extends string, V> = Name extends keyof Replies<V> ? Replies<V>[Name] : Reply<V>;

type OK = 'OK';
type Scanned<T> = [cursor: string, found: T[]];
type Scored<V> = [member: V, score: number];

interface Replies<V> {
  append: number;
  dbsize: number;
  decr: number;
  decrby: number;
  del: number;
  echo: V;
  exists: number;
  expire: number;
  expireat: number;
  expiretime: number;
  flushall: OK;
  flushdb: OK;
  get: V | null;
  getdel: V | null;
  getex: V | null;
  getrange: V;
  getset: V | null;
  hdel: number;
  hexists: number;
  hget: V | null;
  hgetall: { [field: string]: V };
  hincrby: number;
  hincrbyfloat: V;
  hkeys: V[];
  hlen: number;
  hmget: (V | null)[];
  hmset: OK;
  hscan: Scanned<V>;
  hset: number;
  hsetnx: number;
  hstrlen: number;
  hvals: V[];
  incr: number;
  incrby: number;
  incrbyfloat: V;
  keys: V[];
  lindex: V | null;
  linsert: number;
  llen: number;
  lmove: V | null;
  lpop: V | V[] | null;
  lpos: number | number[] | null;
  lpush: number;
  lpushx: number;
  lrange: V[];
  lrem: number;
  lset: OK;
  ltrim: OK;
  mget: (V | null)[];
  mset: OK;
  msetnx: number;
  persist: number;
  pexpire: number;
  pexpireat: number;
  pexpiretime: number;
  psetex: OK;
  pttl: number;
  randomkey: V | null;
  rename: OK;
  renamenx: number;
  rpop: V | V[] | null;
  rpoplpush: V | null;
  rpush: number;
  rpushx: number;
  sadd: number;
  scan: Scanned<V>;
  scard: number;
  sdiff: V[];
  sdiffstore: number;
  set: OK | V | null;
  setex: OK;
  setnx: number;
  setrange: number;
  sinter: V[];
  sintercard: number;
  sinterstore: number;
  sismember: number;
  smembers: V[];
  smismember: number[];
  smove: number;
  spop: V | V[] | null;
  srandmember: V | V[] | null;
  srem: number;
  sscan: Scanned<V>;
  strlen: number;
  substr: V;
  sunion: V[];
  sunionstore: number;
  touch: number;
  ttl: number;
  type: string;
  unlink: number;
  zadd: number | null;
  zcard: number;
  zcount: number;
  zincrby: number;
  zlexcount: number;
  zmscore: (number | null)[];
  zpopmax: Scored<V> | Scored<V>[] | [];
  zpopmin: Scored<V> | Scored<V>[] | [];
  zrange: V[] | Scored<V>[];
  zrangebyscore: V[] | Scored<V>[];
  zrangestore: number;
  zrank: number | [rank: number, score: number] | null;
  zrem: number;
  zremrangebylex: number;
  zremrangebyrank: number;
  zremrangebyscore: number;
  zrevrange: V[] | Scored<V>[];
  zrevrank: number | [rank: number, score: number] | null;
  zscan: Scanned<V>;
  zscore: number | null;
}
