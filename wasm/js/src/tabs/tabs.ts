/**
 * The tabs of one browser: one leads, and has the connection and the storage; the others follow it.
 *
 * ```text
 *            the lock is free, or comes
 *   follower ─────────────────────────▶ leader
 *      ▲                                  │
 *      └──── frozen, or put away ─────────┘
 * ```
 * Data is the engine's affair: its words are carried and nothing else. What is said here is what belongs to the one
 * connection: who wants which keys, channels and presence, and calls that run on the server. A leader forgets a tab
 * when the lock that each tab holds for as long as it lives comes free.
 */

import { closedError, SanderlingError } from '../errors.js';
import type { Arg, Args } from '../crossing.js';
import type { Port } from '../port.js';
import type { Reply } from '../reply.js';
import { Election, type Locks } from './election.js';
import { type Letter, Post, type Shared, type Wants } from './letters.js';

/** The replica to which a tab belongs. */
export interface Host {
  readonly port: Port;
  /** Has what the engine has to say carried soon. */
  schedule(): void;
  /**
   * Takes the storage and the connection over from whoever led the `others`, whose identities these are; the network is to
   * be switched on if there is a url. Not if the lead is not wanted any more by the time when the storage is open.
   */
  lead(url: string | null, others: () => Promise<Uint8Array>, isWanted: () => boolean): Promise<void>;
  /** Gives storage and connection up. */
  follow(): void;
  /** Switches the network. */
  network(url: string | null): void;
  /** Resolves with the answer under a number of the engine's. */
  answer(id: number): Promise<Reply>;
  /** A message came on a channel. */
  message(channel: string, message: string): void;
  /** Resolves when everything so far is in the storage. */
  stored(): Promise<null>;
  /** How the connection stands. */
  shared(): Omit<Shared, 'globs'>;
  /** Something is not as it was asked for. */
  warn(error: SanderlingError): void;
}

/** What a tab takes part with. */
export interface TabsOptions {
  /** Names the locks and the channels. */
  readonly name: string;
  /** The release, the same in all tabs that talk to each other. */
  readonly release: string;
  readonly locks: Locks;
  /** The claim to lead, and whether it was successful already. */
  readonly election: Election;
  readonly isLeader: boolean;
  readonly globs: readonly string[];
  /** Where to connect; `null` if the network is to be off. */
  readonly url: string | null;
}

/** This tab among those of its browser. */
export class Tabs {
  isLeader: boolean;
  /** What the leader said of the connection last. */
  shared: Shared | undefined;
  /** Resolves when the tab has the leader's state, or leads. */
  readonly arrived: Promise<void>;

  readonly #host: Host;
  readonly #options: TabsOptions;
  readonly #post: Post;
  readonly #self: Election;
  /** What this tab wants, and all tabs that this one leads. */
  readonly #own: Wants;
  readonly #wants = new Map<string, Wants>();
  /** The globs that the engine holds, or is about to. */
  #held: string[];
  /** What the leader was asked for. */
  readonly #asked = new Map<number, [letter: Letter, resolve: (reply: Reply) => void, reject: (error: SanderlingError) => void]>();
  #lastAsked = 0;
  #told = '';
  #isSuspended = false;
  /** Counts what makes a lead that is about to begin unwanted. */
  #turn = 0;
  #arrive!: () => void;

  /** Takes part, as the leader if the election was won already. */
  constructor(host: Host, options: TabsOptions) {
    const { name, release, locks, isLeader, globs } = options;
    this.#host = host;
    this.#options = options;
    this.isLeader = isLeader;
    this.arrived = new Promise((resolve) => (this.#arrive = resolve));
    this.#own = { globs: [...globs], channels: [], presence: new Map() };
    this.#held = [...globs];
    this.#post = new Post(
      name,
      host.port.identity.join(),
      release,
      (from, letter) => this.#receive(from, letter),
      (other) => host.warn(new SanderlingError('LOCKED', `another tab runs release ${other}: reload it, or this one`)),
    );
    this.#self = new Election(locks, `${name}/${this.#post.id}`);
    const self = this.#self.take();
    if (isLeader) this.leads(host.port.lead([], new Uint8Array()).lead);
    else {
      host.port.follow();
      // Nothing of this tab may go to the server by way of others before a later leader can know of it.
      void self.then(() => this.#join(true));
      void this.#wait();
    }
  }

  /** Carries what the engine has to say. */
  drain(): void {
    const { port } = this.#host;
    const kind = this.isLeader ? 'told' : 'commands';
    const next = (): Uint8Array | undefined => (this.isLeader ? port.news() : port.commands());
    for (let bytes = next(); bytes; bytes = next()) this.#post.send({ kind, bytes });
    if (!this.isLeader || this.#wants.size < 2) return;
    const shared = { ...this.#host.shared(), globs: this.#held };
    const told = JSON.stringify(shared);
    if (told !== this.#told) this.#post.send({ kind: 'shared', shared });
    this.#told = told;
  }

  /** Wants more keys, and others no more. */
  subscribe(add: readonly string[], remove: readonly string[]): Promise<Reply> {
    const { globs } = this.#own;
    for (const glob of remove) without(globs, glob);
    globs.push(...add);
    return this.#changed();
  }

  /** Listens to a channel, or not any more. */
  listen(channel: string, isOn: boolean): void {
    if (isOn) this.#own.channels.push(channel);
    else without(this.#own.channels, channel);
    void this.#changed();
  }

  /** Gives a key a value for as long as this tab lives. */
  presence(key: string, value: Arg | null): void {
    if (value === null) this.#own.presence.delete(key);
    else this.#own.presence.set(key, value);
    void this.#changed();
  }

  /** Runs a call on the server, by way of the leader. */
  remote(name: string, args: readonly Args[]): Promise<Reply> {
    return this.#ask((id) => ({ kind: 'remote', id, name, args }));
  }

  /** Resolves when the leader has stored everything so far. */
  async stored(): Promise<void> {
    this.drain();
    await this.#ask((id) => ({ kind: 'stored', id }));
  }

  /** Sends a message; tells whether there is a connection. */
  publish(channel: string, message: Arg): boolean {
    if (this.isLeader) return this.#host.port.publish(channel, message);
    this.#post.send({ kind: 'publish', channel, message });
    return this.shared?.status.state === 'live';
  }

  /** Asks the server for keys; the leader tells everybody what they hold. */
  fetch(keys: readonly string[]): void {
    if (this.isLeader) this.#host.port.fetch(keys);
    else this.#post.send({ kind: 'fetch', keys });
  }

  /** Has the leader switch the network. */
  network(url: string | null): void {
    this.#post.send({ kind: 'network', url });
  }

  /** A message that came to the leader, for all others. */
  message(channel: string, message: string): void {
    if (this.isLeader && this.#wants.size > 1) this.#post.send({ kind: 'message', channel, message });
  }

  /** The engine leads: everybody is told, and tells in turn what it wants. */
  leads(lead: Uint8Array): void {
    this.isLeader = true;
    this.#wants.clear();
    this.#wants.set(this.#post.id, copy(this.#own));
    this.#post.send({ kind: 'lead', bytes: lead });
    this.#arrive();
  }

  /** Lets others lead, and wants nothing of the lock: a page that is frozen would keep everyone waiting. */
  suspend(): void {
    if (this.#isSuspended) return;
    this.#isSuspended = true;
    this.#turn++;
    this.drain();
    if (this.isLeader) {
      this.isLeader = false;
      this.#host.follow();
      this.#host.port.follow();
    }
    this.#options.election.cede();
  }

  /** Takes part again. */
  resume(): void {
    if (!this.#isSuspended) return;
    this.#isSuspended = false;
    this.#join(true);
    void this.#wait();
  }

  /** Takes part no longer. */
  close(): void {
    this.#turn++;
    this.#options.election.cede();
    this.#self.cede();
    this.#post.close();
    for (const [, , reject] of this.#asked.values()) reject(closedError());
  }

  async #wait(): Promise<void> {
    const turn = ++this.#turn;
    const isWanted = (): boolean => turn === this.#turn;
    if (!(await this.#options.election.wait()) || !isWanted()) return;
    if (this.shared) this.#held = [...this.shared.globs];
    await this.#host.lead(this.shared ? this.shared.url : this.#options.url, () => this.#identities(), isWanted);
    if (!this.isLeader) return;
    const { port } = this.#host;
    port.listen(this.#own.channels, []);
    for (const [key, value] of this.#own.presence) port.presence(key, value);
    this.#lose();
    for (const [{ kind }, resolve, reject] of this.#asked.values())
      (kind === 'stored' ? this.#host.stored() : this.#changed()).then(resolve, reject);
    this.#asked.clear();
    this.#host.schedule();
  }

  /** The identities of all other tabs, by the locks that they hold. */
  async #identities(): Promise<Uint8Array> {
    const prefix = `${this.#options.name}/`;
    const { held = [] } = await this.#options.locks.query();
    const ids = held.flatMap(({ name }) => (name?.startsWith(prefix) ? [name.slice(prefix.length)] : []));
    return Uint8Array.from(ids.filter((id) => id !== this.#post.id).flatMap((id) => id.split(',').map(Number)));
  }

  #join(asks: boolean): void {
    this.#post.send({ kind: 'join', id: 0, asks, wants: this.#own });
  }

  #receive(from: string, letter: Letter): void {
    const { port } = this.#host;
    if (port.isFree) return;
    const { isLeader } = this;
    switch (letter.kind) {
      case 'lead':
      case 'state':
      case 'told': {
        if (isLeader) return;
        const asks = port.hear(letter.bytes, false);
        if (letter.kind === 'state') this.#arrive();
        if (letter.kind === 'lead') {
          this.#lose();
          for (const [asked] of this.#asked.values()) this.#post.send(asked);
        }
        if (asks || letter.kind === 'lead') this.#join(asks);
        break;
      }
      case 'answer': {
        const [, resolve, reject] = this.#asked.get(letter.id) ?? [];
        this.#asked.delete(letter.id);
        if (letter.error) reject?.(new SanderlingError(...letter.error));
        else resolve?.(letter.reply);
        return;
      }
      case 'message':
        return this.#host.message(letter.channel, letter.message);
      case 'shared':
        if (!isLeader) this.shared = letter.shared;
        break;
      default:
        if (isLeader) this.#serve(from, letter);
    }
    this.#host.schedule();
  }

  #serve(from: string, letter: Letter): void {
    const { port } = this.#host;
    switch (letter.kind) {
      case 'commands':
        return void port.hear(letter.bytes, true);
      case 'stored':
        return void this.#answer(from, letter.id, this.#host.stored());
      case 'publish':
        return void port.publish(letter.channel, letter.message);
      case 'fetch':
        return void port.fetch(letter.keys);
      case 'network':
        return this.#host.network(letter.url);
      case 'remote':
        return void this.#answer(from, letter.id, this.#host.answer(port.remote(letter.name, letter.args)));
      case 'join': {
        if (!this.#wants.has(from)) void this.#mourn(from);
        if (letter.asks) this.#post.sendTo(from, { kind: 'state', bytes: port.state() });
        this.#told = '';
        void this.#answer(from, letter.id, this.#want(from, letter.wants));
      }
    }
  }

  async #answer(from: string, id: number, answer: Promise<Reply>): Promise<void> {
    const settled = answer.then(
      (reply): Letter => ({ kind: 'answer', id, reply }),
      ({ code, message }: SanderlingError): Letter => ({ kind: 'answer', id, reply: null, error: [code, message] }),
    );
    const letter = await settled;
    if (id && !this.#host.port.isFree) this.#post.sendTo(from, letter);
  }

  /** Waits for the end of a tab. */
  async #mourn(id: string): Promise<void> {
    const watch = new Election(this.#options.locks, `${this.#options.name}/${id}`);
    await watch.wait();
    watch.cede();
    if (this.isLeader && !this.#host.port.isFree) void this.#want(id, undefined);
  }

  #changed(): Promise<Reply> {
    if (this.isLeader) return this.#want(this.#post.id, this.#own);
    return this.#ask((id) => ({ kind: 'join', id, asks: false, wants: this.#own }));
  }

  #ask(letter: (id: number) => Letter): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const id = ++this.#lastAsked;
      this.#asked.set(id, [letter(id), resolve, reject]);
      this.#post.send(letter(id));
    });
  }

  /** Gives up calls that nobody can answer any more. */
  #lose(): void {
    for (const [id, [{ kind }, , reject]] of [...this.#asked])
      if (kind === 'remote') {
        this.#asked.delete(id);
        reject(new SanderlingError('LOST', 'the tab with the connection is gone; whether the call ran is not known'));
      }
  }

  /** Takes in what a tab wants now, and has the connection bring what all want together. */
  #want(id: string, wants: Wants | undefined): Promise<Reply> {
    const { port } = this.#host;
    const channels = this.#all('channels');
    const globs = this.#all('globs');
    const presence = this.#wants.get(id)?.presence;
    if (wants) this.#wants.set(id, copy(wants));
    else this.#wants.delete(id);
    for (const key of presence?.keys() ?? []) if (!wants?.presence.has(key)) port.presence(key, null);
    for (const [key, value] of wants?.presence ?? []) if (presence?.get(key) !== value) port.presence(key, value);
    const listened = this.#all('channels');
    const join = beyond(listened, channels);
    const leave = beyond(channels, listened);
    if (join.length + leave.length > 0) port.listen(join, leave);
    const wanted = this.#all('globs');
    const add = beyond(wanted, this.#held);
    const remove = beyond(globs, wanted).filter((glob) => this.#held.includes(glob));
    this.#held = beyond([...this.#held, ...add], remove);
    this.#host.schedule();
    return add.length + remove.length > 0 ? this.#host.answer(port.subscribe(add, remove)) : Promise.resolve(null);
  }

  #all(what: 'globs' | 'channels'): string[] {
    return [...new Set([...this.#wants.values()].flatMap((wants) => wants[what]))];
  }
}

/** Those of `some` that are not among `others`. */
function beyond(some: readonly string[], others: readonly string[]): string[] {
  return some.filter((one) => !others.includes(one));
}

function without(list: string[], one: string): void {
  const at = list.indexOf(one);
  if (at >= 0) list.splice(at, 1);
}

function copy({ globs, channels, presence }: Wants): Wants {
  return { globs: [...globs], channels: [...channels], presence: new Map(presence) };
}
