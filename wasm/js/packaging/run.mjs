/**
 * Packs the package as npm would publish it, installs the archive here, and runs each consumer on it.
 *
 * `node run.mjs [NAME …]` runs only those named: types, node, page, vite, workerd. The package must be built.
 */

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromiumPath } from '../../../tests/browser/chromium.js';

process.chdir(fileURLToPath(new URL('.', import.meta.url)));

const CONSUMERS = { types, node, page, vite, workerd };
const chosen = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(CONSUMERS);

await install();
for (const name of chosen) {
  const consumer = CONSUMERS[name];
  assert.ok(consumer, `there is no consumer ${name}`);
  await consumer();
  console.log(`packaging: ${name}: ok`);
}
console.log(`${chosen.length} consumers passed`);

async function install() {
  const { stdout } = run('npm', ['pack', '--silent', '--pack-destination', process.cwd()], { cwd: '..' });
  const archive = stdout.trim().split('\n').at(-1);
  await rm('node_modules/sanderling', { recursive: true, force: true });
  await rm('package', { recursive: true, force: true });
  run('tar', ['-xzf', archive]);
  await rename('package', 'node_modules/sanderling');
  await rm(archive);
}

function types() {
  run('node_modules/.bin/tsc', ['-p', 'types']);
}

function node() {
  run(process.execPath, ['node/main.mjs']);
}

async function page() {
  await visits({ '/': 'page', '/sanderling/': 'node_modules/sanderling' });
}

async function vite() {
  run(process.execPath, ['node_modules/vite/bin/vite.js', 'build', 'vite', '--logLevel', 'warn']);
  await visits({ '/': 'vite/dist' });
}

/** Opens a page twice in one browser: what it counted the first time is there the second time. */
async function visits(folders) {
  const { chromium } = await import('playwright-core');
  const server = await serve(folders);
  const browser = await chromium.launch({
    executablePath: chromiumPath(),
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
  try {
    const context = await browser.newContext();
    for (let visit = 1; visit <= 2; visit++) {
      const tab = await context.newPage();
      const problems = [];
      tab.on('pageerror', (error) => problems.push(error));
      tab.on('console', (message) => ['error', 'warning'].includes(message.type()) && problems.push(message.text()));
      await tab.goto(server.url);
      await tab.waitForFunction(() => document.title.startsWith('visits'), undefined, { timeout: 15_000 }).catch((error) => {
        throw new Error(`the page never came up: ${problems.join('\n')}`, { cause: error });
      });
      assert.equal(await tab.title(), `visits ${visit} storage indexeddb`);
      assert.deepEqual(problems, []);
      await tab.close();
    }
  } finally {
    await browser.close();
    server.close();
  }
}

/** Bundles the worker as Wrangler does, for workerd's conditions, and runs it. */
async function workerd() {
  const { build } = await import('esbuild');
  await rm('workerd/build', { recursive: true, force: true });
  await mkdir('workerd/build', { recursive: true });
  await build({
    entryPoints: ['workerd/worker.js'],
    outfile: 'workerd/build/worker.js',
    bundle: true,
    format: 'esm',
    target: 'es2022',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['*.wasm', 'cloudflare:workers'],
    logLevel: 'warning',
  });
  await cp('node_modules/sanderling/dist/sanderling.wasm', 'workerd/build/sanderling.wasm');
  const server = await syncServer();
  const worker = spawn('node_modules/.bin/workerd', ['serve', 'workerd/config.capnp', '--control-fd=3'], {
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
    env: { ...process.env, SANDERLING_SYNC_URL: server.url },
  });
  try {
    const port = await listening(worker);
    const url = (key) => `http://127.0.0.1:${port}/${key}`;
    assert.equal((await fetch(url('greeting'))).status, 404);
    assert.equal(await (await fetch(url('greeting'), { method: 'PUT', body: 'hello from the edge' })).text(), 'OK');
    assert.equal(await (await fetch(url('greeting'))).text(), 'hello from the edge');
    const pages = await Promise.all([1, 2, 3].map(async () => (await fetch(url('cached:page'))).text()));
    assert.deepEqual(new Set(pages), new Set(['cached:page, rendered 1']), 'a page is rendered once');
    if (server.url) await meets(server.url, url);
  } finally {
    worker.kill();
    await server.stop();
  }
}

/** A replica in this process sees what the worker wrote, and the worker sees what it writes. */
async function meets(server, url) {
  const { open } = await import('sanderling');
  const db = await open({ name: 'beside', url: server });
  const changed = new Promise((resolve) => db.subscribeKey('greeting', resolve));
  if (db.get('greeting') === null) await changed;
  assert.equal(db.get('greeting'), 'hello from the edge');
  // Through the worker's own connection, a second time: it has outlived the request that opened it.
  db.set('answer', 'hello, edge');
  await db.settled();
  await fetch(url('again'), { method: 'PUT', body: 'x' });
  assert.equal(await (await fetch(url('answer'))).text(), 'hello, edge');
  await db.close();
}

/** A server to sync with, if there is a binary; the worker works alone otherwise. */
async function syncServer() {
  const binary = process.env.SANDERLING_BIN;
  if (!binary) return { url: '', stop: () => undefined };
  const directory = await mkdtemp(join(tmpdir(), 'sanderling-packaging-'));
  const server = spawn(binary, ['serve', '--resp', '127.0.0.1:0', '--http', '127.0.0.1:0', '--dir', directory], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const address = await new Promise((resolve, reject) => {
    let text = '';
    server.once('exit', (code) => reject(new Error(`the server ended with code ${code}`)));
    server.stdout.on('data', (chunk) => {
      const found = /^http listening on (\S+)/m.exec((text += chunk));
      if (found) resolve(found[1]);
    });
  });
  const stop = async () => {
    server.kill('SIGKILL');
    await once(server, 'exit');
    await rm(directory, { recursive: true, force: true });
  };
  return { url: `ws://${address}/sync`, stop };
}

/** The port on which workerd listens, from its control channel: one line of JSON an event. */
function listening(worker) {
  return new Promise((resolve, reject) => {
    worker.once('exit', (code) => reject(new Error(`workerd ended with code ${code}`)));
    let text = '';
    worker.stdio[3].on('data', (chunk) => {
      text += chunk;
      for (const line of text.split('\n').slice(0, -1)) {
        const event = JSON.parse(line);
        if (event.event === 'listen') resolve(event.port);
      }
    });
  });
}

/** Serves folders on a free port of this machine. */
async function serve(folders) {
  const types = { '.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm' };
  const server = createServer(async (request, response) => {
    const path = new URL(request.url, 'http://host').pathname;
    const prefix = Object.keys(folders)
      .filter((prefix) => path.startsWith(prefix))
      .sort((a, b) => b.length - a.length)[0];
    const file = join(folders[prefix], path.slice(prefix.length) || 'index.html');
    try {
      const body = await readFile(file);
      response.writeHead(200, { 'content-type': types[extname(file)] ?? 'application/octet-stream' }).end(body);
    } catch {
      // Browsers ask for an icon that no consumer has.
      response.writeHead(path === '/favicon.ico' ? 204 : 404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() };
}

function run(program, args, options = {}) {
  const result = spawnSync(program, args, { encoding: 'utf8', ...options });
  if (result.status !== 0) throw new Error(`${program} ${args.join(' ')}: ${result.error ?? ''}${result.stdout}${result.stderr}`);
  return result;
}
