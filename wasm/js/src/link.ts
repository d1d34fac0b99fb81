/**
 * The connection to the server: one WebSocket at a time, opened again whenever it breaks.
 *
 * ```text
 *   off ──start──▶ connecting ──open──▶ open
 *    ▲                │   ▲ due           │
 *    └────stop────────┴─ waiting ◀─closed─┘
 * ```
 * The wait before an attempt is drawn evenly between nothing and a bound that doubles with each failure, so that the
 * clients of a server that comes back do not all arrive at once. It starts anew only when the server has sent something
 * sensible, because a server that accepts and closes is no better than one that is gone.
 */

import { reason, SanderlingError } from './errors.js';
import { protocolsFor, renewalDelay, type TokenSource } from './token.js';

/** Any implementation of the WebSocket of browsers, such as that of the package `ws`. */
export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;

/** What is used of a WebSocket. */
export interface WebSocketLike {
  binaryType: string;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(data: Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
}

/** What the connection tells its owner. */
export interface LinkOwner {
  /** A connection is open: nothing has been sent on it. */
  opened(): void;
  received(message: Uint8Array): void;
  /** The token of the open connection will soon be over: this is the next. */
  renewed(token: string): void;
  /** The connection that was open is gone. */
  ended(): void;
  /** No other connection will be tried, because it would be of no use. */
  gaveUp(error: SanderlingError): void;
  /** The state is another one. */
  changed(): void;
}

/** A connection that stays up, as far as it can. */
export class Link {
  state: 'off' | 'connecting' | 'open' | 'waiting' = 'off';
  /** Attempts since a connection last worked. */
  attempt = 0;
  /** When the next attempt is due, in milliseconds since the epoch, while waiting. */
  retryAt: number | null = null;
  /** What went wrong last. */
  lastFailure: string | null = null;

  readonly #owner: LinkOwner;
  readonly #find: () => Promise<WebSocketConstructor>;
  readonly #token: TokenSource;
  /** The token that the server has refused last. */
  #refused: string | undefined;
  /** The one that the connection has shown it last. */
  #shown = '';
  #url = '';
  #sinceMs = 0;
  #socket: WebSocketLike | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #renewal: ReturnType<typeof setTimeout> | undefined;

  constructor(owner: LinkOwner, constructor: () => Promise<WebSocketConstructor>, token: TokenSource = '') {
    this.#owner = owner;
    this.#find = constructor;
    this.#token = token;
  }

  /** Switches the connection on. Does nothing if it is on and to the same address. */
  start(url: string): void {
    if (this.state !== 'off') {
      if (url === this.#url) return;
      this.stop();
    }
    this.#url = url;
    this.#refused = undefined;
    this.attempt = 0;
    void this.#connect();
  }

  /** Switches it off. */
  stop(): void {
    this.#end(1000, 'switched off');
    this.#become('off');
  }

  /** Does not wait any longer, be it for its time or for an answer: something is different now. */
  wake(): void {
    const isStale = this.state === 'connecting' && performance.now() - this.#sinceMs > STALE_MS;
    if (this.state !== 'waiting' && !isStale) return;
    this.#end();
    this.attempt = 0;
    void this.#connect();
  }

  /** Sends a message, if there is a connection. */
  send(message: Uint8Array<ArrayBuffer>): void {
    if (this.state === 'open') this.#socket?.send(message);
  }

  /** Says that the server answers as it should: the next failure counts as the first. */
  works(): void {
    this.attempt = 0;
  }

  /** Drops the connection because of what the server did; a new one follows unless that is of no use. */
  fail(text: string, mayRetry: boolean): void {
    this.#lost(text, !mayRetry, 4001);
  }

  async #connect(): Promise<void> {
    this.attempt++;
    this.#sinceMs = performance.now();
    this.#become('connecting');
    const url = this.#url;
    // It may be switched off, or elsewhere, while something is waited for.
    const isOver = (): boolean => this.state !== 'connecting' || !!this.#socket || url !== this.#url;
    this.#timer = setTimeout(() => this.#lost('no answer from the server', false), CONNECT_MS_MAX);
    let token: string;
    try {
      token = await this.#ask();
    } catch (error) {
      if (!isOver()) this.#lost(`no token: ${reason(error)}`, false);
      return;
    }
    let socket: WebSocketLike;
    try {
      const WebSocket = await this.#find();
      if (isOver()) return;
      // The reason for which it was refused is still the last failure.
      if (token === this.#refused) throw new SanderlingError('UNAUTHORIZED', this.lastFailure ?? '');
      socket = new WebSocket(url, protocolsFor(token));
    } catch (error) {
      // Nothing to connect with, or an address that the runtime refuses: neither gets better by waiting.
      if (this.state === 'connecting' && !this.#socket)
        this.#lost(error instanceof SanderlingError ? error : new SanderlingError('SYNC', reason(error)), true);
      return;
    }
    this.#socket = socket;
    this.#shown = token;
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => {
      clearTimeout(this.#timer);
      this.#become('open');
      this.#owner.opened();
      this.#renewLater(socket, token);
    };
    socket.onmessage = ({ data }: { data: unknown }) => {
      if (data instanceof ArrayBuffer) this.#owner.received(new Uint8Array(data));
      else this.fail('the server sent text, which is no message', true);
    };
    socket.onclose = ({ code, reason }: { code: number; reason: string }) => {
      const text = reason || `the connection ended with code ${code}`;
      if (code === UNAUTHORIZED_CODE) {
        // With another token it may come again, and only who asks for one can get another.
        this.#refused = this.#shown;
        this.#lost(new SanderlingError('UNAUTHORIZED', text), typeof this.#token === 'string');
        return;
      }
      if (code === THROTTLED_CODE) this.attempt = Math.max(this.attempt, THROTTLED_ATTEMPT);
      this.#lost(text, code >= FINAL_CODE_MIN && code <= FINAL_CODE_MAX);
    };
    // What matters of an error comes with `onclose`; without a listener some implementations throw.
    socket.onerror = () => undefined;
  }

  async #ask(): Promise<string> {
    return typeof this.#token === 'string' ? this.#token : await this.#token();
  }

  #renewLater(socket: WebSocketLike, token: string): void {
    this.#shown = token;
    const delay = typeof this.#token === 'string' ? undefined : renewalDelay(token);
    if (delay === undefined) return;
    this.#renewal = setTimeout(() => {
      this.#ask().then(
        (next) => {
          if (this.#socket !== socket) return;
          this.#owner.renewed(next);
          this.#renewLater(socket, next);
        },
        // Then the server ends the connection when the token's time comes, and the next one asks again.
        () => undefined,
      );
    }, delay);
  }

  #lost(why: string | SanderlingError, final: boolean, code?: number): void {
    const error = typeof why === 'string' ? new SanderlingError('SYNC', why) : why;
    this.lastFailure = error.message;
    this.#end(code, error.message);
    if (final) {
      this.#become('off');
      this.#owner.gaveUp(error);
      return;
    }
    const bound = Math.min(WAIT_MS_MAX, WAIT_MS_FIRST * 2 ** Math.min(this.attempt - 1, 16));
    const wait = Math.random() * bound;
    this.retryAt = Date.now() + wait;
    this.#timer = setTimeout(() => void this.#connect(), wait);
    this.#become('waiting');
  }

  /** Lets go of the socket and of the timer. */
  #end(code = 1000, text = ''): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#renewal);
    this.retryAt = null;
    const socket = this.#socket;
    if (!socket) return;
    this.#socket = undefined;
    socket.onopen = socket.onmessage = socket.onclose = null;
    try {
      socket.close(code, text.slice(0, 60));
    } catch {
      // It is closed already, or was never opened.
    }
    if (this.state === 'open') this.#owner.ended();
  }

  #become(state: Link['state']): void {
    if (this.state === state) return;
    this.state = state;
    this.#owner.changed();
  }
}

/** Reads an address as users write it: `http` stands for `ws`. */
export function syncUrl(text: string): string {
  let url: URL;
  try {
    url = new URL(text, globalThis.location?.href);
  } catch {
    throw new SanderlingError('OPTIONS', `the url ${JSON.stringify(text)} is none: 'wss://host/sync' would be`);
  }
  url.protocol = url.protocol.replace(/^http/, 'ws');
  if (!/^wss?:$/.test(url.protocol))
    throw new SanderlingError('OPTIONS', `the url ${JSON.stringify(text)} must begin with ws: or wss:`);
  url.hash = '';
  return url.href;
}

const CONNECT_MS_MAX = 10_000;
/** An attempt that has had no answer for so long began in another network, if the machine has changed it. */
const STALE_MS = 2_000;
const WAIT_MS_FIRST = 250;
const WAIT_MS_MAX = 30_000;
/** With these codes the server says that another connection would only be closed again. */
const FINAL_CODE_MIN = 4000;
const FINAL_CODE_MAX = 4099;
/** Another token is needed. */
const UNAUTHORIZED_CODE = 4004;
/** It was too much: the wait is longer than after an accident. */
const THROTTLED_CODE = 4103;
const THROTTLED_ATTEMPT = 4;
