/** A worker that answers from its replica: `GET /key` reads, `PUT /key` writes. */

import { open } from 'sanderling';

let opening;

export default {
  async fetch(request) {
    // Not in the global scope: there a worker may neither draw random numbers nor ask for the time.
    const db = await (opening ??= open({ name: 'edge' }));
    const key = decodeURIComponent(new URL(request.url).pathname.slice(1));
    if (request.method === 'PUT') return new Response(db.set(key, await request.text()));
    const value = db.get(key);
    return value === null ? new Response('no such key', { status: 404 }) : new Response(value);
  },
};
