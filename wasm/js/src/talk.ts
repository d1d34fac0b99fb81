/**
 * What is said to the server besides commands: promises that wait for its answers, and listeners of channels.
 *
 * It knows numbers and answers, not how they travel.
 */

import { guarded } from './emitter.js';
import { SanderlingError } from './errors.js';
import type { EngineEvent } from './crossing.js';
import type { Reply } from './reply.js';

/** Hears a message on a channel. */
export type MessageListener = (message: string, channel: string) => void;

/** Who waits for what. */
export class Talk {
  readonly #waiting = new Map<number, { resolve: (reply: Reply) => void; reject: (error: SanderlingError) => void }>();
  readonly #listeners = new Map<string, Set<MessageListener>>();

  /** Waits for the answer under a number. */
  wait(id: number): Promise<Reply> {
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  /** Takes in news; tells whether it was for those who wait or listen. */
  handle(event: EngineEvent): boolean {
    switch (event.kind) {
      case 'subscribed':
        this.#answer(event.seq, null);
        return true;
      case 'notSubscribed':
      case 'reply':
        this.#answer(event.seq, event.reply);
        return true;
      case 'message':
        for (const listener of this.#listeners.get(event.channel) ?? [])
          guarded(() => listener(event.message, event.channel));
        return true;
      default:
        return false;
    }
  }

  /** Adds a listener; tells whether it is the channel's first. */
  listen(channel: string, listener: MessageListener): boolean {
    const listeners = this.#listeners.get(channel);
    if (listeners) listeners.add(listener);
    else this.#listeners.set(channel, new Set([listener]));
    return !listeners;
  }

  /** Removes a listener; tells whether it was the channel's last. */
  leave(channel: string, listener: MessageListener): boolean {
    const listeners = this.#listeners.get(channel);
    return !!listeners?.delete(listener) && listeners.size === 0 && this.#listeners.delete(channel);
  }

  /** Lets nobody wait any more. */
  close(error: SanderlingError): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
    this.#listeners.clear();
  }

  #answer(id: number, reply: Reply): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (reply instanceof SanderlingError) waiting?.reject(reply);
    else waiting?.resolve(reply);
  }
}
