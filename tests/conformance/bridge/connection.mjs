/**
 * What a connection is beside the calls that it makes: its database, the version of RESP, an open transaction.
 *
 * A replica in a page has one user, who is in one database and speaks no RESP. So these belong to the bridge, and all
 * that is a reply to a command on data, or to a transaction of such, is the engine's own, byte for byte.
 */

import { Database } from './replica.mjs';

/** The databases that have been selected, by index. */
const databases = new Map();
/** The settings that were changed: a new database gets them, too. */
const settings = new Map();
/** Says what can be queued: a replica of its own, because a transaction that is open takes every call of its replica. */
const clerk = new Database();

/** One client's state. */
export class Connection {
  #index = 0;
  #version = 2;
  #queue;
  isOver = false;

  /** Answers a request. */
  answer(call) {
    const name = call[0].toString('latin1').toLowerCase();
    if (SESSION[name]) return Buffer.from(SESSION[name](this, call));
    return this.#queue ? this.#answerQueued(name, call) : this.#answerNow(name, call);
  }

  /** Lets go of what others may want. */
  close() {
    for (const database of databases.values()) this.#unwatch(database);
  }

  /** Moves to a database. */
  select([, index]) {
    if (this.#queue) return '-ERR the bridge selects no database in a transaction\r\n';
    if (!/^-?\d+$/.test(String(index))) return '-ERR value is not an integer or out of range\r\n';
    if (!(Number(index) >= 0 && Number(index) < DATABASES)) return '-ERR DB index is out of range\r\n';
    this.#index = Number(index);
    return '+OK\r\n';
  }

  /** Agrees on a version of RESP. */
  hello([, version]) {
    if (version !== undefined && !['2', '3'].includes(String(version))) return '-NOPROTO unsupported protocol version\r\n';
    this.#version = Number(version ?? this.#version);
    const facts = ['server', 'redis', 'version', '7.0.15', 'proto', this.#version, 'mode', 'standalone', 'role', 'master'];
    const items = facts.map((fact) => (typeof fact === 'number' ? `:${fact}\r\n` : `$${fact.length}\r\n${fact}\r\n`));
    return (this.#version === 3 ? `%${facts.length / 2}\r\n` : `*${facts.length}\r\n`) + items.join('');
  }

  /** Makes it as it was at first. */
  reset() {
    this.#queue = undefined;
    this.close();
    [this.#index, this.#version] = [0, 2];
    return '+RESET\r\n';
  }

  /** Ends it. */
  quit() {
    this.isOver = true;
    return '+OK\r\n';
  }

  get #database() {
    let database = databases.get(this.#index);
    if (database) return database;
    databases.set(this.#index, (database = new Database()));
    for (const [name, value] of settings) database.setting(words(`${name} ${value}`));
    return database;
  }

  #answerNow(name, call) {
    const database = this.#database;
    switch (name) {
      case 'multi': {
        const reply = clerk.run(call);
        if (reply[0] !== ERROR) this.#queue = [];
        clerk.run(words('DISCARD'));
        return reply;
      }
      case 'config':
        return this.#config(call.slice(1).map(String)) ?? database.run(call, this.#version);
      case 'watch':
      case 'unwatch':
        if (this.#isTaken(database)) return TAKEN;
        database.watcher = name === 'watch' ? this : undefined;
        return database.run(call, this.#version);
      case 'flushall':
      case 'flushdb': {
        const reply = database.run(call, this.#version);
        if (reply[0] !== ERROR) this.#beginAnew(name === 'flushall' ? [...databases.keys()] : [this.#index]);
        return reply;
      }
      default:
        return database.run(call, this.#version);
    }
  }

  #answerQueued(name, call) {
    if (name === 'discard' || name === 'exec') return this.#end(call, name === 'exec');
    clerk.run(words('MULTI'));
    const reply = clerk.run(call, this.#version);
    clerk.run(words('DISCARD'));
    // What is refused goes along, so that the engine itself refuses the transaction. What only can't be nested doesn't.
    if (!['multi', 'watch'].includes(name)) this.#queue.push(call.map((word) => Buffer.from(word)));
    return reply;
  }

  #end(call, runs) {
    const [database, queue] = [this.#database, this.#queue];
    if (this.#isTaken(database)) return TAKEN;
    database.run(words('MULTI'));
    if (runs) for (const queued of queue) database.run(queued);
    const reply = database.run(call, this.#version);
    if (reply[0] === ERROR && call.length > 1) database.run(words('DISCARD'));
    else this.#queue = database.watcher = undefined;
    return reply;
  }

  /** Lets a replica without a server forget what it keeps for one, which is all that was ever written. */
  #beginAnew(indexes) {
    for (const index of indexes) {
      const database = databases.get(index);
      if (!database || database.watcher) continue;
      database.free();
      databases.delete(index);
    }
  }

  /** Reads or changes a setting that the engine has; any other is a server's. */
  #config([verb = '', asked = '', ...values]) {
    if (!SETTING.test(asked)) return undefined;
    const name = asked.toLowerCase().replace('ziplist', 'listpack');
    if (verb.toLowerCase() === 'set' && /^-?\d+$/.test(values[0] ?? '') && values.length === 1) {
      settings.set(name, values[0]);
      for (const database of databases.values()) database.setting(words(`${name} ${values[0]}`));
      return Buffer.from('+OK\r\n');
    }
    if (verb.toLowerCase() !== 'get' || values.length > 0) return undefined;
    const value = this.#database.setting([Buffer.from(name)]);
    const head = this.#version === 3 ? '%1' : '*2';
    return value && Buffer.from([head, `$${asked.length}`, asked, `$${value.length}`, value, ''].join('\r\n'));
  }

  #isTaken(database) {
    return database.watcher !== undefined && database.watcher !== this;
  }

  #unwatch(database) {
    if (database.watcher !== this) return;
    database.watcher = undefined;
    database.run(words('UNWATCH'));
  }
}

/** What belongs to the connection, in a transaction too. */
const SESSION = {
  select: (connection, call) => connection.select(call),
  hello: (connection, call) => connection.hello(call),
  reset: (connection) => connection.reset(),
  quit: (connection) => connection.quit(),
};

function words(text) {
  return text.split(' ').map((word) => Buffer.from(word));
}

/** What `CONFIG SET` changes in the engine itself: how values are kept. */
const SETTING = /^(hash|list|set|zset)-max-\w+(-\w+)?$|^stream-node-max-\w+$|^hll-sparse-max-bytes$|^list-compress-depth$/i;
const DATABASES = 16;
const ERROR = '-'.charCodeAt(0);
/** A replica has one session, and with it one set of watched keys. */
const TAKEN = Buffer.from('-ERR another connection of the bridge watches keys of this database\r\n');
