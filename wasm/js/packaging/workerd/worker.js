/**
 * A worker that answers from its replica: `GET /key` reads, `PUT /key` writes, `GET /cached:…` renders what is missing.
 *
 * The replica lives in a Durable Object. A plain worker may hold one too, but there a connection belongs to the request
 * that opened it and ends with it; in an object it stays.
 */

import { DurableObject } from 'cloudflare:workers';
import { open } from 'sanderling';
import { cached } from 'sanderling/cache';

export class Replica extends DurableObject {
  #opening;
  #renders = 0;

  async fetch(request) {
    const url = this.env.SERVER || undefined;
    const db = await (this.#opening ??= open({ name: 'edge', maxMemory: 4_000_000, ...(url && { url }) }));
    const key = decodeURIComponent(new URL(request.url).pathname.slice(1));
    if (request.method === 'PUT') {
      const reply = db.set(key, await request.text());
      if (url) await db.settled();
      return new Response(reply);
    }
    if (key.startsWith('cached:')) {
      const render = () => `${key}, rendered ${++this.#renders}`;
      return new Response(await cached(db, key, render, { ttl: 60_000, staleFor: 60_000 }));
    }
    const value = db.get(key);
    return value === null ? new Response('no such key', { status: 404 }) : new Response(value);
  }
}

export default {
  fetch(request, env) {
    return env.REPLICA.get(env.REPLICA.idFromName('the one')).fetch(request);
  },
};
