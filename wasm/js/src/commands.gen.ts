/**
 * The commands as methods: how each is called.
 *
 * Generated from the command table by `cargo xtask codegen`: do not edit.
 */

import type { ReplyOf } from './replies.js';

/** One method for each command; `A` is what goes in as an argument, `V` what a string in a reply is. */
export interface CommandMethods<A, V> {
  /** Appends a string to the value of a key. Creates the key if it doesn't exist. Since 2.0.0. Cost: O(1). */
  append(key: A, value: A): ReplyOf<'append', V>;
  /** Counts the number of set bits (population counting) in a string. Since 2.6.0. Cost: O(N). */
  bitcount(key: A, ...more: A[]): ReplyOf<'bitcount', V>;
  /** Performs arbitrary bitfield integer operations on strings. Since 3.2.0. Cost: O(1) for each subcommand specified. */
  bitfield(key: A, ...more: A[]): ReplyOf<'bitfield', V>;
  /** Performs bitwise operations on multiple strings, and stores the result. Since 2.6.0. Cost: O(N). */
  bitop(...more: A[]): ReplyOf<'bitop', V>;
  /** Finds the first set (1) or clear (0) bit in a string. Since 2.8.7. Cost: O(N). */
  bitpos(key: A, bit: A, ...more: A[]): ReplyOf<'bitpos', V>;
  /** Copies the value of a key to a new key. Since 6.2.0. Cost: O(N) where N is the size of the value. */
  copy(source: A, destination: A, ...more: A[]): ReplyOf<'copy', V>;
  /** Returns the number of keys in the database. Since 1.0.0. Cost: O(1). */
  dbsize(): ReplyOf<'dbsize', V>;
  /** Decrements the integer value of a key by one. Uses 0 as initial value if the key doesn't exist. Since 1.0.0. Cost: O(1). */
  decr(key: A): ReplyOf<'decr', V>;
  /** Decrements a number from the integer value of a key. Uses 0 as initial value if the key doesn't exist. Since 1.0.0. Cost: O(1). */
  decrby(key: A, decrement: A): ReplyOf<'decrby', V>;
  /** Deletes one or more keys. Since 1.0.0. Cost: O(N) where N is the number of keys that will be removed. */
  del(key: A, ...more: A[]): ReplyOf<'del', V>;
  /** Determines whether one or more keys exist. Since 1.0.0. Cost: O(N) where N is the number of keys to check. */
  exists(key: A, ...more: A[]): ReplyOf<'exists', V>;
  /** Sets the expiration time of a key in seconds. Since 1.0.0. Cost: O(1). */
  expire(key: A, seconds: A, ...more: A[]): ReplyOf<'expire', V>;
  /** Sets the expiration time of a key to a Unix timestamp. Since 1.2.0. Cost: O(1). */
  expireat(key: A, unixTimeSeconds: A, ...more: A[]): ReplyOf<'expireat', V>;
  /** Returns the expiration time of a key as a Unix timestamp. Since 7.0.0. Cost: O(1). */
  expiretime(key: A): ReplyOf<'expiretime', V>;
  /** Removes all keys from all databases. Since 1.0.0. Cost: O(N) where N is the total number of keys in all databases. */
  flushall(...more: A[]): ReplyOf<'flushall', V>;
  /** Removes all keys from the current database. Since 1.0.0. Cost: O(N) where N is the number of keys in the selected database. */
  flushdb(...more: A[]): ReplyOf<'flushdb', V>;
  /** Adds one or more members with their positions to a sorted set. Creates the key if it doesn't exist. Since 3.2.0. Cost: O(log(N)) for each item added, where N is the number of elements in the sorted set. */
  geoadd(key: A, ...more: A[]): ReplyOf<'geoadd', V>;
  /** Returns the distance between two members. Since 3.2.0. Cost: O(1). */
  geodist(key: A, member1: A, member2: A, ...more: A[]): ReplyOf<'geodist', V>;
  /** Returns the positions of members as geohash strings. Since 3.2.0. Cost: O(1) for each member requested. */
  geohash(key: A, ...more: A[]): ReplyOf<'geohash', V>;
  /** Returns the longitudes and latitudes of members. Since 3.2.0. Cost: O(1) for each member requested. */
  geopos(key: A, ...more: A[]): ReplyOf<'geopos', V>;
  /** Queries a geospatial index for members within a distance from a position, optionally stores the result. Since 3.2.0. Cost: O(N+log(M)) where N is the number of elements inside the bounding box of the circular area delimited by center and radius and M is the number of items inside the index. */
  georadius(key: A, longitude: A, latitude: A, radius: A, ...more: A[]): ReplyOf<'georadius', V>;
  /** Queries a geospatial index for members within a distance from a member, optionally stores the result. Since 3.2.0. Cost: O(N+log(M)) where N is the number of elements inside the bounding box of the circular area delimited by center and radius and M is the number of items inside the index. */
  georadiusbymember(key: A, member: A, radius: A, ...more: A[]): ReplyOf<'georadiusbymember', V>;
  /** Queries a geospatial index for members inside an area of a box or a circle. Since 6.2.0. Cost: O(N+log(M)) where N is the number of elements in the grid-aligned bounding box area around the shape provided as the filter and M is the number of items inside the shape. */
  geosearch(key: A, ...more: A[]): ReplyOf<'geosearch', V>;
  /** Queries a geospatial index for members inside an area of a box or a circle, and stores the result. Since 6.2.0. Cost: O(N+log(M)) where N is the number of elements in the grid-aligned bounding box area around the shape provided as the filter and M is the number of items inside the shape. */
  geosearchstore(destination: A, source: A, ...more: A[]): ReplyOf<'geosearchstore', V>;
  /** Returns the string value of a key. Since 1.0.0. Cost: O(1). */
  get(key: A): ReplyOf<'get', V>;
  /** Returns a bit value by offset. Since 2.2.0. Cost: O(1). */
  getbit(key: A, offset: A): ReplyOf<'getbit', V>;
  /** Returns the string value of a key after deleting the key. Since 6.2.0. Cost: O(1). */
  getdel(key: A): ReplyOf<'getdel', V>;
  /** Returns the string value of a key after setting its expiration time. Since 6.2.0. Cost: O(1). */
  getex(key: A, ...more: A[]): ReplyOf<'getex', V>;
  /** Returns a substring of the string stored at a key. Since 2.4.0. Cost: O(N) where N is the length of the returned string. */
  getrange(key: A, start: A, end: A): ReplyOf<'getrange', V>;
  /** Returns the previous string value of a key after setting it to a new value. Since 1.0.0. Cost: O(1). */
  getset(key: A, value: A): ReplyOf<'getset', V>;
  /** Deletes one or more fields and their values from a hash. Deletes the hash if no fields remain. Since 2.0.0. Cost: O(N) where N is the number of fields to be removed. */
  hdel(key: A, field: A, ...more: A[]): ReplyOf<'hdel', V>;
  /** Determines whether a field exists in a hash. Since 2.0.0. Cost: O(1). */
  hexists(key: A, field: A): ReplyOf<'hexists', V>;
  /** Sets the expiration time of fields of a hash in seconds. Since 7.4.0. Cost: O(N) where N is the number of specified fields. */
  hexpire(key: A, seconds: A, ...more: A[]): ReplyOf<'hexpire', V>;
  /** Sets the expiration time of fields of a hash to a Unix timestamp. Since 7.4.0. Cost: O(N) where N is the number of specified fields. */
  hexpireat(key: A, unixTimeSeconds: A, ...more: A[]): ReplyOf<'hexpireat', V>;
  /** Returns the expiration times of fields of a hash as Unix timestamps. Since 7.4.0. Cost: O(N) where N is the number of specified fields. */
  hexpiretime(key: A, fields: A, numfields: A, field: A, ...more: A[]): ReplyOf<'hexpiretime', V>;
  /** Returns the value of a field in a hash. Since 2.0.0. Cost: O(1). */
  hget(key: A, field: A): ReplyOf<'hget', V>;
  /** Returns all fields and values in a hash. Since 2.0.0. Cost: O(N) where N is the size of the hash. */
  hgetall(key: A): ReplyOf<'hgetall', V>;
  /** Returns the values of fields of a hash and deletes the fields. Since 8.0.0. Cost: O(N) where N is the number of specified fields. */
  hgetdel(key: A, fields: A, numfields: A, field: A, ...more: A[]): ReplyOf<'hgetdel', V>;
  /** Returns the values of fields of a hash and sets or removes their expiration time. Since 8.0.0. Cost: O(N) where N is the number of specified fields. */
  hgetex(key: A, ...more: A[]): ReplyOf<'hgetex', V>;
  /** Increments the integer value of a field in a hash by a number. Uses 0 as initial value if the field doesn't exist. Since 2.0.0. Cost: O(1). */
  hincrby(key: A, field: A, increment: A): ReplyOf<'hincrby', V>;
  /** Increments the floating point value of a field by a number. Uses 0 as initial value if the field doesn't exist. Since 2.6.0. Cost: O(1). */
  hincrbyfloat(key: A, field: A, increment: A): ReplyOf<'hincrbyfloat', V>;
  /** Returns all fields in a hash. Since 2.0.0. Cost: O(N) where N is the size of the hash. */
  hkeys(key: A): ReplyOf<'hkeys', V>;
  /** Returns the number of fields in a hash. Since 2.0.0. Cost: O(1). */
  hlen(key: A): ReplyOf<'hlen', V>;
  /** Returns the values of all fields in a hash. Since 2.0.0. Cost: O(N) where N is the number of fields being requested. */
  hmget(key: A, field: A, ...more: A[]): ReplyOf<'hmget', V>;
  /** Sets the values of multiple fields. Since 2.0.0. Cost: O(N) where N is the number of fields being set. */
  hmset(key: A, field: A, value: A, ...more: A[]): ReplyOf<'hmset', V>;
  /** Removes the expiration times of fields of a hash. Since 7.4.0. Cost: O(N) where N is the number of specified fields. */
  hpersist(key: A, fields: A, numfields: A, field: A, ...more: A[]): ReplyOf<'hpersist', V>;
  /** Sets the expiration time of fields of a hash in milliseconds. Since 7.4.0. Cost: O(N) where N is the number of specified fields. */
  hpexpire(key: A, milliseconds: A, ...more: A[]): ReplyOf<'hpexpire', V>;
  /** Sets the expiration time of fields of a hash to a Unix milliseconds timestamp. Since 7.4.0. Cost: O(N) where N is the number of specified fields. */
  hpexpireat(key: A, unixTimeMilliseconds: A, ...more: A[]): ReplyOf<'hpexpireat', V>;
  /** Returns the expiration times of fields of a hash as Unix milliseconds timestamps. Since 7.4.0. Cost: O(N) where N is the number of specified fields. */
  hpexpiretime(key: A, fields: A, numfields: A, field: A, ...more: A[]): ReplyOf<'hpexpiretime', V>;
  /** Returns the expiration times in milliseconds of fields of a hash. Since 7.4.0. Cost: O(N) where N is the number of specified fields. */
  hpttl(key: A, fields: A, numfields: A, field: A, ...more: A[]): ReplyOf<'hpttl', V>;
  /** Returns one or more random fields from a hash. Since 6.2.0. Cost: O(N) where N is the number of fields returned. */
  hrandfield(key: A, ...more: A[]): ReplyOf<'hrandfield', V>;
  /** Iterates over fields and values of a hash. Since 2.8.0. Cost: O(1) for every call. O(N) for a complete iteration. */
  hscan(key: A, cursor: A, ...more: A[]): ReplyOf<'hscan', V>;
  /** Creates or modifies the value of a field in a hash. Since 2.0.0. Cost: O(N) where N is the number of field/value pairs. */
  hset(key: A, field: A, value: A, ...more: A[]): ReplyOf<'hset', V>;
  /** Sets the values of fields of a hash and optionally their expiration time. Since 8.0.0. Cost: O(N) where N is the number of specified fields. */
  hsetex(key: A, ...more: A[]): ReplyOf<'hsetex', V>;
  /** Sets the value of a field in a hash only when the field doesn't exist. Since 2.0.0. Cost: O(1). */
  hsetnx(key: A, field: A, value: A): ReplyOf<'hsetnx', V>;
  /** Returns the length of the value of a field. Since 3.2.0. Cost: O(1). */
  hstrlen(key: A, field: A): ReplyOf<'hstrlen', V>;
  /** Returns the expiration times in seconds of fields of a hash. Since 7.4.0. Cost: O(N) where N is the number of specified fields. */
  httl(key: A, fields: A, numfields: A, field: A, ...more: A[]): ReplyOf<'httl', V>;
  /** Returns all values in a hash. Since 2.0.0. Cost: O(N) where N is the size of the hash. */
  hvals(key: A): ReplyOf<'hvals', V>;
  /** Increments the integer value of a key by one. Uses 0 as initial value if the key doesn't exist. Since 1.0.0. Cost: O(1). */
  incr(key: A): ReplyOf<'incr', V>;
  /** Increments the integer value of a key by a number. Uses 0 as initial value if the key doesn't exist. Since 1.0.0. Cost: O(1). */
  incrby(key: A, increment: A): ReplyOf<'incrby', V>;
  /** Increments the floating point value of a key by a number. Uses 0 as initial value if the key doesn't exist. Since 2.6.0. Cost: O(1). */
  incrbyfloat(key: A, increment: A): ReplyOf<'incrbyfloat', V>;
  /** Returns all key names that match a pattern. Since 1.0.0. Cost: O(N) with N being the number of keys in the database. */
  keys(pattern: A): ReplyOf<'keys', V>;
  /** Finds the longest common substring. Since 7.0.0. Cost: O(N*M) where N and M are the lengths of the strings. */
  lcs(key1: A, key2: A, ...more: A[]): ReplyOf<'lcs', V>;
  /** Returns an element from a list by its index. Since 1.0.0. Cost: O(N) where N is the number of elements to traverse to get to the element at index. */
  lindex(key: A, index: A): ReplyOf<'lindex', V>;
  /** Inserts an element before or after another element in a list. Since 2.2.0. Cost: O(N) where N is the number of elements to traverse before seeing the value pivot. */
  linsert(key: A, beforeAfter: A, pivot: A, element: A): ReplyOf<'linsert', V>;
  /** Returns the length of a list. Since 1.0.0. Cost: O(1). */
  llen(key: A): ReplyOf<'llen', V>;
  /** Returns an element after popping it from one list and pushing it to another. Deletes the list if the last element was moved. Since 6.2.0. Cost: O(1). */
  lmove(source: A, destination: A, leftRight: A, leftRight2: A): ReplyOf<'lmove', V>;
  /** Returns multiple elements from a list after removing them. Deletes the list if the last element was popped. Since 7.0.0. Cost: O(N+M) where N is the number of provided keys and M is the number of elements returned. */
  lmpop(numkeys: A, key: A, ...more: A[]): ReplyOf<'lmpop', V>;
  /** Displays a sanderling and the version of Redis that the server follows. Since 5.0.0. Cost: O(1). */
  lolwut(...more: A[]): ReplyOf<'lolwut', V>;
  /** Returns the first elements in a list after removing it. Deletes the list if the last element was popped. Since 1.0.0. Cost: O(N) where N is the number of elements returned. */
  lpop(key: A, ...more: A[]): ReplyOf<'lpop', V>;
  /** Returns the index of matching elements in a list. Since 6.0.6. Cost: O(N) where N is the number of elements in the list, for the average case. */
  lpos(key: A, element: A, ...more: A[]): ReplyOf<'lpos', V>;
  /** Prepends one or more elements to a list. Creates the key if it doesn't exist. Since 1.0.0. Cost: O(1) for each element added. */
  lpush(key: A, element: A, ...more: A[]): ReplyOf<'lpush', V>;
  /** Prepends one or more elements to a list only when the list exists. Since 2.2.0. Cost: O(1) for each element added. */
  lpushx(key: A, element: A, ...more: A[]): ReplyOf<'lpushx', V>;
  /** Returns a range of elements from a list. Since 1.0.0. Cost: O(S+N) where S is the distance of start offset from HEAD or TAIL and N is the number of elements in the range. */
  lrange(key: A, start: A, stop: A): ReplyOf<'lrange', V>;
  /** Removes elements from a list. Deletes the list if the last element was removed. Since 1.0.0. Cost: O(N+M) where N is the length of the list and M is the number of elements removed. */
  lrem(key: A, count: A, element: A): ReplyOf<'lrem', V>;
  /** Sets the value of an element in a list by its index. Since 1.0.0. Cost: O(N) where N is the distance of the index from HEAD or TAIL. */
  lset(key: A, index: A, element: A): ReplyOf<'lset', V>;
  /** Removes elements from both ends of a list. Deletes the list if all elements were trimmed. Since 1.0.0. Cost: O(N) where N is the number of elements to be removed. */
  ltrim(key: A, start: A, stop: A): ReplyOf<'ltrim', V>;
  /** Atomically returns the string values of one or more keys. Since 1.0.0. Cost: O(N) where N is the number of keys to retrieve. */
  mget(key: A, ...more: A[]): ReplyOf<'mget', V>;
  /** Moves a key to another database. Since 1.0.0. Cost: O(N) where N is the size of the value. */
  move(key: A, db: A): ReplyOf<'move', V>;
  /** Atomically creates or modifies the string values of one or more keys. Since 1.0.1. Cost: O(N) where N is the number of keys to set. */
  mset(key: A, value: A, ...more: A[]): ReplyOf<'mset', V>;
  /** Atomically modifies the string values of one or more keys only when all keys don't exist. Since 1.0.1. Cost: O(N) where N is the number of keys to set. */
  msetnx(key: A, value: A, ...more: A[]): ReplyOf<'msetnx', V>;
  /** Removes the expiration time of a key. Since 2.2.0. Cost: O(1). */
  persist(key: A): ReplyOf<'persist', V>;
  /** Sets the expiration time of a key in milliseconds. Since 2.6.0. Cost: O(1). */
  pexpire(key: A, milliseconds: A, ...more: A[]): ReplyOf<'pexpire', V>;
  /** Sets the expiration time of a key to a Unix milliseconds timestamp. Since 2.6.0. Cost: O(1). */
  pexpireat(key: A, unixTimeMilliseconds: A, ...more: A[]): ReplyOf<'pexpireat', V>;
  /** Returns the expiration time of a key as a Unix milliseconds timestamp. Since 7.0.0. Cost: O(1). */
  pexpiretime(key: A): ReplyOf<'pexpiretime', V>;
  /** Adds elements to a HyperLogLog key. Creates the key if it doesn't exist. Since 2.8.9. Cost: O(1) to add every element. */
  pfadd(key: A, ...more: A[]): ReplyOf<'pfadd', V>;
  /** Returns the approximated cardinality of the sets observed by the HyperLogLog keys. Since 2.8.9. Cost: O(1) with a very small average constant time when called with a single key. O(N) with N being the number of keys, and much bigger constant times, when called with multiple keys. */
  pfcount(key: A, ...more: A[]): ReplyOf<'pfcount', V>;
  /** Merges one or more HyperLogLog values into a single key. Since 2.8.9. Cost: O(N) to merge N HyperLogLogs, but with high constant times. */
  pfmerge(destkey: A, ...more: A[]): ReplyOf<'pfmerge', V>;
  /** Sets both string value and expiration time in milliseconds of a key. Since 2.6.0. Cost: O(1). */
  psetex(key: A, milliseconds: A, value: A): ReplyOf<'psetex', V>;
  /** Returns the expiration time in milliseconds of a key. Since 2.6.0. Cost: O(1). */
  pttl(key: A): ReplyOf<'pttl', V>;
  /** Returns a random key name from the database. Since 1.0.0. Cost: O(1). */
  randomkey(): ReplyOf<'randomkey', V>;
  /** Renames a key and overwrites the destination. Since 1.0.0. Cost: O(N) where N is the size of the value. */
  rename(key: A, newkey: A): ReplyOf<'rename', V>;
  /** Renames a key only when the target key name doesn't exist. Since 1.0.0. Cost: O(N) where N is the size of the value. */
  renamenx(key: A, newkey: A): ReplyOf<'renamenx', V>;
  /** Returns the replication role. Since 2.8.12. Cost: O(1). */
  role(): ReplyOf<'role', V>;
  /** Returns and removes the last elements of a list. Deletes the list if the last element was popped. Since 1.0.0. Cost: O(N) where N is the number of elements returned. */
  rpop(key: A, ...more: A[]): ReplyOf<'rpop', V>;
  /** Returns the last element of a list after removing and pushing it to another list. Deletes the list if the last element was popped. Since 1.2.0. Cost: O(1). */
  rpoplpush(source: A, destination: A): ReplyOf<'rpoplpush', V>;
  /** Appends one or more elements to a list. Creates the key if it doesn't exist. Since 1.0.0. Cost: O(1) for each element added. */
  rpush(key: A, element: A, ...more: A[]): ReplyOf<'rpush', V>;
  /** Appends one or more elements to a list only when the list exists. Since 2.2.0. Cost: O(1) for each element added. */
  rpushx(key: A, element: A, ...more: A[]): ReplyOf<'rpushx', V>;
  /** Adds one or more members to a set. Creates the key if it doesn't exist. Since 1.0.0. Cost: O(N) where N is the number of members to be added. */
  sadd(key: A, member: A, ...more: A[]): ReplyOf<'sadd', V>;
  /** Iterates over the key names in the database. Since 2.8.0. Cost: O(1) for every call. */
  scan(cursor: A, ...more: A[]): ReplyOf<'scan', V>;
  /** Returns the number of members in a set. Since 1.0.0. Cost: O(1). */
  scard(key: A): ReplyOf<'scard', V>;
  /** Returns the difference of multiple sets. Since 1.0.0. Cost: O(N) where N is the total number of elements in all given sets. */
  sdiff(key: A, ...more: A[]): ReplyOf<'sdiff', V>;
  /** Stores the difference of multiple sets in a key. Since 1.0.0. Cost: O(N) where N is the total number of elements in all given sets. */
  sdiffstore(destination: A, key: A, ...more: A[]): ReplyOf<'sdiffstore', V>;
  /** Sets the string value of a key, ignoring its type. The key is created if it doesn't exist. Since 1.0.0. Cost: O(1). */
  set(key: A, value: A, ...more: A[]): ReplyOf<'set', V>;
  /** Sets or clears the bit at offset of the string value. Creates the key if it doesn't exist. Since 2.2.0. Cost: O(1). */
  setbit(key: A, offset: A, value: A): ReplyOf<'setbit', V>;
  /** Sets the string value and expiration time of a key. Creates the key if it doesn't exist. Since 2.0.0. Cost: O(1). */
  setex(key: A, seconds: A, value: A): ReplyOf<'setex', V>;
  /** Sets the string value of a key only when the key doesn't exist. Since 1.0.0. Cost: O(1). */
  setnx(key: A, value: A): ReplyOf<'setnx', V>;
  /** Overwrites a part of a string value with another by an offset. Creates the key if it doesn't exist. Since 2.2.0. Cost: O(1), not counting the time taken to copy the new string in place. */
  setrange(key: A, offset: A, value: A): ReplyOf<'setrange', V>;
  /** Returns the intersect of multiple sets. Since 1.0.0. Cost: O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets. */
  sinter(key: A, ...more: A[]): ReplyOf<'sinter', V>;
  /** Returns the number of members of the intersect of multiple sets. Since 7.0.0. Cost: O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets. */
  sintercard(numkeys: A, key: A, ...more: A[]): ReplyOf<'sintercard', V>;
  /** Stores the intersect of multiple sets in a key. Since 1.0.0. Cost: O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets. */
  sinterstore(destination: A, key: A, ...more: A[]): ReplyOf<'sinterstore', V>;
  /** Determines whether a member belongs to a set. Since 1.0.0. Cost: O(1). */
  sismember(key: A, member: A): ReplyOf<'sismember', V>;
  /** Returns all members of a set. Since 1.0.0. Cost: O(N) where N is the set cardinality. */
  smembers(key: A): ReplyOf<'smembers', V>;
  /** Determines whether multiple members belong to a set. Since 6.2.0. Cost: O(N) where N is the number of elements being checked for membership. */
  smismember(key: A, member: A, ...more: A[]): ReplyOf<'smismember', V>;
  /** Moves a member from one set to another. Since 1.0.0. Cost: O(1). */
  smove(source: A, destination: A, member: A): ReplyOf<'smove', V>;
  /** Sorts the elements in a list, a set, or a sorted set, optionally storing the result. Since 1.0.0. Cost: O(N+M*log(M)) where N is the number of elements in the list or set to sort, and M the number of returned elements. */
  sort(key: A, ...more: A[]): ReplyOf<'sort', V>;
  /** Returns one or more random members from a set after removing them. Deletes the set if the last member was popped. Since 1.0.0. Cost: Without the count argument O(1), otherwise O(N) where N is the value of the passed count. */
  spop(key: A, ...more: A[]): ReplyOf<'spop', V>;
  /** Gets one or multiple random members from a set. Since 1.0.0. Cost: Without the count argument O(1), otherwise O(N) where N is the absolute value of the passed count. */
  srandmember(key: A, ...more: A[]): ReplyOf<'srandmember', V>;
  /** Removes one or more members from a set. Deletes the set if the last member was removed. Since 1.0.0. Cost: O(N) where N is the number of members to be removed. */
  srem(key: A, member: A, ...more: A[]): ReplyOf<'srem', V>;
  /** Iterates over members of a set. Since 2.8.0. Cost: O(1) for every call. O(N) for a complete iteration. */
  sscan(key: A, cursor: A, ...more: A[]): ReplyOf<'sscan', V>;
  /** Returns the length of a string value. Since 2.2.0. Cost: O(1). */
  strlen(key: A): ReplyOf<'strlen', V>;
  /** Returns a substring from a string value. Since 1.0.0. Cost: O(N) where N is the length of the returned string. */
  substr(key: A, start: A, end: A): ReplyOf<'substr', V>;
  /** Returns the union of multiple sets. Since 1.0.0. Cost: O(N) where N is the total number of elements in all given sets. */
  sunion(key: A, ...more: A[]): ReplyOf<'sunion', V>;
  /** Stores the union of multiple sets in a key. Since 1.0.0. Cost: O(N) where N is the total number of elements in all given sets. */
  sunionstore(destination: A, key: A, ...more: A[]): ReplyOf<'sunionstore', V>;
  /** Returns the server time. Since 2.6.0. Cost: O(1). */
  time(): ReplyOf<'time', V>;
  /** Returns the number of existing keys out of those specified after updating the time they were last accessed. Since 3.2.1. Cost: O(N) where N is the number of keys that will be touched. */
  touch(key: A, ...more: A[]): ReplyOf<'touch', V>;
  /** Returns the expiration time in seconds of a key. Since 1.0.0. Cost: O(1). */
  ttl(key: A): ReplyOf<'ttl', V>;
  /** Determines the type of value stored at a key. Since 1.0.0. Cost: O(1). */
  type(key: A): ReplyOf<'type', V>;
  /** Asynchronously deletes one or more keys. Since 4.0.0. Cost: O(1) for each key removed. */
  unlink(key: A, ...more: A[]): ReplyOf<'unlink', V>;
  /** Acknowledges messages that were delivered in a group and returns how many were pending. Since 5.0.0. Cost: O(1) for each message ID processed. */
  xack(key: A, group: A, id: A, ...more: A[]): ReplyOf<'xack', V>;
  /** Appends a message to a stream, which is made if it doesn't exist, and returns its id. Since 5.0.0. Cost: O(1) when adding a new entry, O(N) when trimming where N being the number of entries evicted. */
  xadd(key: A, ...more: A[]): ReplyOf<'xadd', V>;
  /** Hands messages that have been pending for long to a consumer, from an id on. Since 6.2.0. Cost: O(1) if COUNT is small. */
  xautoclaim(key: A, group: A, consumer: A, minIdleTime: A, start: A, ...more: A[]): ReplyOf<'xautoclaim', V>;
  /** Hands pending messages to a consumer, as if they had been delivered to it. Since 5.0.0. Cost: O(log N) with N being the number of messages in the PEL of the consumer group. */
  xclaim(key: A, group: A, consumer: A, minIdleTime: A, id: A, ...more: A[]): ReplyOf<'xclaim', V>;
  /** Removes messages from a stream and returns how many were there. Since 5.0.0. Cost: O(1) for each single item to delete in the stream, regardless of the stream size. */
  xdel(key: A, id: A, ...more: A[]): ReplyOf<'xdel', V>;
  /** Returns how many messages are in a stream. Since 5.0.0. Cost: O(1). */
  xlen(key: A): ReplyOf<'xlen', V>;
  /** Tells what was delivered to the consumers of a group and not acknowledged. Since 5.0.0. Cost: O(N) with N being the number of elements returned. */
  xpending(key: A, group: A, ...more: A[]): ReplyOf<'xpending', V>;
  /** Returns the messages of a stream from one id to another. Since 5.0.0. Cost: O(N) with N being the number of elements being returned. */
  xrange(key: A, start: A, end: A, ...more: A[]): ReplyOf<'xrange', V>;
  /** Returns what came to streams after the given ids, and may wait until something comes. Since 5.0.0. Cost: For each stream mentioned: O(N) with N being the number of elements being returned. */
  xread(...more: A[]): ReplyOf<'xread', V>;
  /** Returns to a consumer what its group hasn't read yet, or what is pending for it, and may wait until something comes. Since 5.0.0. Cost: For each stream mentioned: O(M) with M being the number of elements returned. */
  xreadgroup(group: A, group2: A, consumer: A, ...more: A[]): ReplyOf<'xreadgroup', V>;
  /** Returns the messages of a stream from one id down to another. Since 5.0.0. Cost: O(N) with N being the number of elements returned. */
  xrevrange(key: A, end: A, start: A, ...more: A[]): ReplyOf<'xrevrange', V>;
  /** Sets the last id that a stream gave, and what it has counted. Since 5.0.0. Cost: O(1). */
  xsetid(key: A, lastId: A, ...more: A[]): ReplyOf<'xsetid', V>;
  /** Removes messages from the front of a stream. Since 5.0.0. Cost: O(N), with N being the number of evicted entries. */
  xtrim(key: A, ...more: A[]): ReplyOf<'xtrim', V>;
  /** Adds one or more members to a sorted set, or updates their scores. Creates the key if it doesn't exist. Since 1.2.0. Cost: O(log(N)) for each item added, where N is the number of elements in the sorted set. */
  zadd(key: A, ...more: A[]): ReplyOf<'zadd', V>;
  /** Returns the number of members in a sorted set. Since 1.2.0. Cost: O(1). */
  zcard(key: A): ReplyOf<'zcard', V>;
  /** Returns the count of members in a sorted set that have scores within a range. Since 2.0.0. Cost: O(log(N)) with N being the number of elements in the sorted set. */
  zcount(key: A, min: A, max: A): ReplyOf<'zcount', V>;
  /** Returns the difference between multiple sorted sets. Since 6.2.0. Cost: O(L + (N-K)log(N)) worst case where L is the total number of elements in all the sets, N is the size of the first set, and K is the size of the result set. */
  zdiff(numkeys: A, key: A, ...more: A[]): ReplyOf<'zdiff', V>;
  /** Stores the difference of multiple sorted sets in a key. Since 6.2.0. Cost: O(L + (N-K)log(N)) worst case where L is the total number of elements in all the sets, N is the size of the first set, and K is the size of the result set. */
  zdiffstore(destination: A, numkeys: A, key: A, ...more: A[]): ReplyOf<'zdiffstore', V>;
  /** Increments the score of a member in a sorted set. Since 1.2.0. Cost: O(log(N)) where N is the number of elements in the sorted set. */
  zincrby(key: A, increment: A, member: A): ReplyOf<'zincrby', V>;
  /** Returns the intersect of multiple sorted sets. Since 6.2.0. Cost: O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K being the number of input sorted sets and M being the number of elements in the resulting sorted set. */
  zinter(numkeys: A, key: A, ...more: A[]): ReplyOf<'zinter', V>;
  /** Returns the number of members of the intersect of multiple sorted sets. Since 7.0.0. Cost: O(N*K) worst case with N being the smallest input sorted set, K being the number of input sorted sets. */
  zintercard(numkeys: A, key: A, ...more: A[]): ReplyOf<'zintercard', V>;
  /** Stores the intersect of multiple sorted sets in a key. Since 2.0.0. Cost: O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K being the number of input sorted sets and M being the number of elements in the resulting sorted set. */
  zinterstore(destination: A, numkeys: A, key: A, ...more: A[]): ReplyOf<'zinterstore', V>;
  /** Returns the number of members in a sorted set within a lexicographical range. Since 2.8.9. Cost: O(log(N)) with N being the number of elements in the sorted set. */
  zlexcount(key: A, min: A, max: A): ReplyOf<'zlexcount', V>;
  /** Returns the highest- or lowest-scoring members from one or more sorted sets after removing them. Deletes the sorted set if the last member was popped. Since 7.0.0. Cost: O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of elements in the sorted set, and M being the number of elements popped. */
  zmpop(numkeys: A, key: A, ...more: A[]): ReplyOf<'zmpop', V>;
  /** Returns the score of one or more members in a sorted set. Since 6.2.0. Cost: O(N) where N is the number of members being requested. */
  zmscore(key: A, member: A, ...more: A[]): ReplyOf<'zmscore', V>;
  /** Returns the highest-scoring members from a sorted set after removing them. Deletes the sorted set if the last member was popped. Since 5.0.0. Cost: O(log(N)*M) with N being the number of elements in the sorted set, and M being the number of elements popped. */
  zpopmax(key: A, ...more: A[]): ReplyOf<'zpopmax', V>;
  /** Returns the lowest-scoring members from a sorted set after removing them. Deletes the sorted set if the last member was popped. Since 5.0.0. Cost: O(log(N)*M) with N being the number of elements in the sorted set, and M being the number of elements popped. */
  zpopmin(key: A, ...more: A[]): ReplyOf<'zpopmin', V>;
  /** Returns one or more random members from a sorted set. Since 6.2.0. Cost: O(N) where N is the number of members returned. */
  zrandmember(key: A, ...more: A[]): ReplyOf<'zrandmember', V>;
  /** Returns members in a sorted set within a range of indexes. Since 1.2.0. Cost: O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements returned. */
  zrange(key: A, start: A, stop: A, ...more: A[]): ReplyOf<'zrange', V>;
  /** Returns members in a sorted set within a lexicographical range. Since 2.8.9. Cost: O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements returned. */
  zrangebylex(key: A, min: A, max: A, ...more: A[]): ReplyOf<'zrangebylex', V>;
  /** Returns members in a sorted set within a range of scores. Since 1.0.5. Cost: O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements returned. */
  zrangebyscore(key: A, min: A, max: A, ...more: A[]): ReplyOf<'zrangebyscore', V>;
  /** Stores a range of members from sorted set in a key. Since 6.2.0. Cost: O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements stored into the destination key. */
  zrangestore(dst: A, src: A, min: A, max: A, ...more: A[]): ReplyOf<'zrangestore', V>;
  /** Returns the index of a member in a sorted set ordered by ascending scores. Since 2.0.0. Cost: O(log(N)). */
  zrank(key: A, member: A, ...more: A[]): ReplyOf<'zrank', V>;
  /** Removes one or more members from a sorted set. Deletes the sorted set if all members were removed. Since 1.2.0. Cost: O(M*log(N)) with N being the number of elements in the sorted set and M the number of elements to be removed. */
  zrem(key: A, member: A, ...more: A[]): ReplyOf<'zrem', V>;
  /** Removes members in a sorted set within a lexicographical range. Deletes the sorted set if all members were removed. Since 2.8.9. Cost: O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements removed by the operation. */
  zremrangebylex(key: A, min: A, max: A): ReplyOf<'zremrangebylex', V>;
  /** Removes members in a sorted set within a range of indexes. Deletes the sorted set if all members were removed. Since 2.0.0. Cost: O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements removed by the operation. */
  zremrangebyrank(key: A, start: A, stop: A): ReplyOf<'zremrangebyrank', V>;
  /** Removes members in a sorted set within a range of scores. Deletes the sorted set if all members were removed. Since 1.2.0. Cost: O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements removed by the operation. */
  zremrangebyscore(key: A, min: A, max: A): ReplyOf<'zremrangebyscore', V>;
  /** Returns members in a sorted set within a range of indexes in reverse order. Since 1.2.0. Cost: O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements returned. */
  zrevrange(key: A, start: A, stop: A, ...more: A[]): ReplyOf<'zrevrange', V>;
  /** Returns members in a sorted set within a lexicographical range in reverse order. Since 2.8.9. Cost: O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements returned. */
  zrevrangebylex(key: A, max: A, min: A, ...more: A[]): ReplyOf<'zrevrangebylex', V>;
  /** Returns members in a sorted set within a range of scores in reverse order. Since 2.2.0. Cost: O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements returned. */
  zrevrangebyscore(key: A, max: A, min: A, ...more: A[]): ReplyOf<'zrevrangebyscore', V>;
  /** Returns the index of a member in a sorted set ordered by descending scores. Since 2.0.0. Cost: O(log(N)). */
  zrevrank(key: A, member: A, ...more: A[]): ReplyOf<'zrevrank', V>;
  /** Iterates over members and scores of a sorted set. Since 2.8.0. Cost: O(1) for every call. */
  zscan(key: A, cursor: A, ...more: A[]): ReplyOf<'zscan', V>;
  /** Returns the score of a member in a sorted set. Since 1.2.0. Cost: O(1). */
  zscore(key: A, member: A): ReplyOf<'zscore', V>;
  /** Returns the union of multiple sorted sets. Since 6.2.0. Cost: O(N)+O(M*log(M)) with N being the sum of the sizes of the input sorted sets, and M being the number of elements in the resulting sorted set. */
  zunion(numkeys: A, key: A, ...more: A[]): ReplyOf<'zunion', V>;
  /** Stores the union of multiple sorted sets in a key. Since 2.0.0. Cost: O(N)+O(M*log(M)) with N being the sum of the sizes of the input sorted sets, and M being the number of elements in the resulting sorted set. */
  zunionstore(destination: A, numkeys: A, key: A, ...more: A[]): ReplyOf<'zunionstore', V>;
}
