/** One peer once, in Node: prints its figures as JSON. */

import { open as openFile, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import WebSocket from 'ws';
import { measure } from './measure.js';
import { wasmBytes } from './wasm-memory.js';

const { module, isStored, npm, folder, url, scale } = JSON.parse(process.argv[2]);
const file = join(folder, 'blob');

const surroundings = {
  load: () => import(`${npm}/dist/node.js`),
  url,
  WebSocket,
  ...(isStored && { storage: { directory: join(folder, 'store') } }),
  memory() {
    for (let run = 0; run < 3; run++) globalThis.gc();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers + wasmBytes();
  },
  async put(bytes) {
    const handle = await openFile(file, 'w');
    await handle.writeFile(bytes);
    await handle.sync();
    await handle.close();
  },
  take: () => readFile(file),
  async savedBytes() {
    const names = await readdir(folder, { recursive: true });
    const sizes = await Promise.all(names.map(async (name) => stat(join(folder, name))));
    return sizes.reduce((sum, found) => sum + (found.isFile() ? found.size : 0), 0);
  },
};

const figures = await measure(surroundings, scale, async (surroundings) => {
  const { open } = await import(`./peers/${module}.js`);
  return open(surroundings);
});
console.log(JSON.stringify(figures));
process.exit(0);
