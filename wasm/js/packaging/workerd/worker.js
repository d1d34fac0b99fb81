/**
 * A worker that answers from its replica: `GET /key` reads, `PUT /key` writes.
 *
 * The replica lives in a Durable Object. A plain worker may hold one too, but there a connection belongs to the request
 * that opened it and ends with it; in an object it stays.
 */

import { DurableObject } from 'cloudflare:workers';
import { open } from 'sanderling';

export class Replica extends DurableObject {
  #opening;

  async fetch(request) {
    const url = this.env.SERVER || undefined;
    const db = await (this.#opening ??= open({ name: 'edge', ...(url && { url }) }));
    const key = decodeURIComponent(new URL(request.url).pathname.slice(1));
    if (request.method === 'PUT') {
      const reply = db.set(key, await request.text());
      if (url) await db.settled();
      return new Response(reply);
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
