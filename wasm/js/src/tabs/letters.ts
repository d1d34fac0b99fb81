/** What the tabs of one browser say to each other, and how it travels. */

import type { Arg, Args } from '../crossing.js';
import type { Reply } from '../reply.js';
import type { Status } from '../status.js';

/** What a tab wants of the one connection. */
export interface Wants {
  /** Globs of keys, each as often as it was asked for. */
  readonly globs: string[];
  readonly channels: string[];
  readonly presence: Map<string, Arg>;
}

/** How the connection of all tabs stands, in the leader's words. */
export interface Shared {
  readonly status: Partial<Status>;
  /** What the engines hold. */
  readonly globs: readonly string[];
  /** Where to connect; `null` while the network is switched off. */
  readonly url: string | null;
}

/** A message. */
export type Letter =
  /** The engine's words: of the leader to all, of the leader to one, of one to the leader. */
  | { readonly kind: 'lead' | 'told' | 'state' | 'commands'; readonly bytes: Uint8Array }
  /** What a tab wants now, and whether it needs the leader's state. */
  | { readonly kind: 'join'; readonly id: number; readonly asks: boolean; readonly wants: Wants }
  /** Something that the leader is to do. */
  | { readonly kind: 'remote'; readonly id: number; readonly name: string; readonly args: readonly Args[] }
  | { readonly kind: 'stored'; readonly id: number }
  | { readonly kind: 'publish'; readonly channel: string; readonly message: Arg }
  | { readonly kind: 'fetch'; readonly keys: readonly string[] }
  | { readonly kind: 'network'; readonly url: string | null }
  /** What came of it. */
  | { readonly kind: 'answer'; readonly id: number; readonly reply: Reply; readonly error?: readonly [code: string, message: string] }
  | { readonly kind: 'message'; readonly channel: string; readonly message: string }
  | { readonly kind: 'shared'; readonly shared: Shared };

/** Carries letters between the tabs that have a replica of one name open. */
export class Post {
  /** This tab: its identity, in words. */
  readonly id: string;
  readonly #name: string;
  readonly #release: string;
  readonly #channels: BroadcastChannel[];

  /** `receive` is called with each letter of a tab of this release, `foreign` with the version of any other. */
  constructor(
    name: string,
    id: string,
    release: string,
    receive: (from: string, letter: Letter) => void,
    foreign: (release: string) => void,
  ) {
    this.#name = name;
    this.id = id;
    this.#release = release;
    this.#channels = [name, `${name}/${this.id}`].map((name) => {
      const channel = new BroadcastChannel(name);
      channel.onmessage = ({ data: [by, from, letter] }: MessageEvent<[string, string, Letter]>) => {
        if (by === release) receive(from, letter);
        else foreign(by);
      };
      return channel;
    });
  }

  /** Sends a letter to all other tabs. */
  send(letter: Letter): void {
    this.#channels[0]!.postMessage([this.#release, this.id, letter]);
  }

  /** Sends a letter to one tab, without the others having to receive it. */
  sendTo(to: string, letter: Letter): void {
    const channel = new BroadcastChannel(`${this.#name}/${to}`);
    channel.postMessage([this.#release, this.id, letter]);
    channel.close();
  }

  /** Sends and receives nothing any more. */
  close(): void {
    for (const channel of this.#channels) channel.close();
  }
}
