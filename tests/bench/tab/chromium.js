/** Pages for the peers: served from memory, each in a Chromium with a profile of its own, whose storage is a real disk's. */

import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';
import { chromiumPath } from '../../browser/chromium.js';
import { peers } from './peers/index.js';

const HERE = fileURLToPath(new URL('./', import.meta.url));
const TYPES = { '.js': 'text/javascript', '.wasm': 'application/wasm' };

/** Bundles the peers, each a module of its own, and serves them beside the npm package. */
export class Pages {
  static async start(npm, data) {
    const pages = new Pages();
    pages.data = data;
    const { outputFiles } = await build({
      absWorkingDir: HERE,
      entryPoints: ['in-page.js', ...new Set(peers.map(({ module }) => `peers/${module}.js`))].map((name) => join(HERE, name)),
      outbase: HERE,
      outdir: '/bench',
      write: false,
      bundle: true,
      splitting: true,
      minify: true,
      format: 'esm',
      target: 'es2022',
      // Those that have a wasm module carry it along, as a bundler's users do who have no plugin for it.
      platform: 'neutral',
      mainFields: ['module', 'main'],
      conditions: ['import'],
      alias: { 'loro-crdt': 'loro-crdt/base64' },
      external: ['/dist/*', '/bench/*'],
      logLevel: 'error',
    });
    const files = new Map(outputFiles.map(({ path, contents }) => [path, contents]));
    pages.server = createServer(async ({ url }, response) => {
      // Clocks are fine, and pages count as isolated, only with these.
      response.setHeader('cross-origin-opener-policy', 'same-origin');
      response.setHeader('cross-origin-embedder-policy', 'require-corp');
      const file = url.startsWith('/dist/') ? await readFile(join(npm, url)).catch(() => undefined) : files.get(url);
      const isPage = url === '/';
      response.statusCode = file || isPage ? 200 : 404;
      response.setHeader('content-type', isPage ? 'text/html' : (TYPES[extname(url)] ?? 'text/plain'));
      response.end(isPage ? '<!doctype html><title>bench</title><script type="module" src="/bench/in-page.js"></script>' : file);
    }).listen(0, '127.0.0.1');
    await once(pages.server, 'listening');
    pages.origin = `http://127.0.0.1:${pages.server.address().port}`;
    return pages;
  }

  /** Measures one peer once. */
  async run(options) {
    const profile = await mkdtemp(join(this.data, 'profile-'));
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: chromiumPath(),
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking', '--disable-component-update'],
    });
    try {
      this.version = context.browser()?.version() ?? this.version;
      const page = await context.newPage();
      const session = await context.newCDPSession(page);
      await page.exposeFunction('heapBytes', async () => {
        for (let run = 0; run < 2; run++) await session.send('HeapProfiler.collectGarbage');
        const { usedSize, backingStorageSize = 0 } = await session.send('Runtime.getHeapUsage');
        return usedSize + backingStorageSize;
      });
      await page.goto(this.origin);
      await page.waitForFunction(() => globalThis.run !== undefined);
      return await page.evaluate((options) => globalThis.run(options), options);
    } finally {
      await context.close();
      await rm(profile, { recursive: true, force: true, maxRetries: 10 });
    }
  }

  close() {
    this.server.closeAllConnections();
    this.server.close();
  }
}
