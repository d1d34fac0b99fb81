/** What Vite bundles: the package by its name, and its wasm as an asset. */

import { open } from 'sanderling';

const db = await open({ name: 'vite' });
db.incr('visits');
await db.stored();
document.title = `visits ${db.get('visits')} storage ${db.status.storage}`;
