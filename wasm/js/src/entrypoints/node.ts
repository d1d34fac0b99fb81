/** Node: the file beside this one, directories, and the WebSocket of the package `ws` where there is none built in. */

import { readFileSync } from 'node:fs';
import type { WebSocketConstructor } from '../link.js';
import { provide } from '../module.js';
import { platform } from '../platform.js';
import { openDirectory } from '../storage/directory.js';

provide(() => new Uint8Array(readFileSync(new URL('./sanderling.wasm', import.meta.url))));
platform.directory = openDirectory;
platform.webSocket = async () => {
  const name = 'ws';
  const { WebSocket } = (await import(name).catch(() => ({}))) as { WebSocket?: WebSocketConstructor };
  return WebSocket as WebSocketConstructor;
};

export * from '../index.js';
