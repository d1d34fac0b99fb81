// Bundles the package: one small entry a runtime in dist/, all sharing the same chunks, and the wasm beside them.
//
// It knows esbuild and the layout of this folder, and nothing of Rust: pkg/ must already hold what wasm-bindgen and
// wasm-opt made (`cargo xtask build wasm`). `--tests` bundles test/*.test.ts into .test/ instead, and runs them.

import { build } from 'esbuild';
import { spawnSync } from 'node:child_process';
import { copyFile, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('.', import.meta.url)));

/** One entry for each way in which a runtime hands over the wasm; `inline` is built apart, as it carries the bytes. */
const ENTRIES = ['workerd', 'deno', 'bun', 'node', 'browser'];

const shared = {
  bundle: true,
  format: 'esm',
  // What Node 20 runs, and the two forms of import that only the entries of Bun and Deno have.
  target: 'es2022',
  supported: { 'import-attributes': true, 'import-source': true },
  platform: 'neutral',
  // `ws` is looked for when Node has no WebSocket of its own.
  external: ['node:*', 'ws'],
  minify: true,
  sourcemap: true,
  legalComments: 'none',
  logLevel: 'warning',
};

if (process.argv.includes('--tests')) await runTests();
else await buildPackage();

async function buildPackage() {
  await stat('pkg/sanderling_bg.wasm').catch(() => {
    throw new Error('pkg/sanderling_bg.wasm is missing: run `cargo xtask build wasm` first');
  });
  await rm('dist', { recursive: true, force: true });
  await mkdir('dist/types/pkg', { recursive: true });
  await Promise.all([
    build({
      ...shared,
      entryPoints: ['src/cache.ts', 'src/inspect.ts', ...ENTRIES.map((name) => `src/entrypoints/${name}.ts`)],
      entryNames: '[name]',
      outdir: 'dist',
      splitting: true,
      chunkNames: 'chunks/[name]-[hash]',
      external: [...shared.external, '*.wasm'],
    }),
    build({
      ...shared,
      entryPoints: ['src/entrypoints/inline.ts'],
      outdir: 'dist',
      alias: { '#wasm-bytes': './pkg/sanderling_bg.wasm' },
      loader: { '.wasm': 'binary' },
    }),
    copyFile('pkg/sanderling_bg.wasm', 'dist/sanderling.wasm'),
    ...['sanderling', 'sanderling_bg'].map((name) => copyFile(`pkg/${name}.d.ts`, `dist/types/pkg/${name}.d.ts`)),
  ]);
}

async function runTests() {
  await rm('.test', { recursive: true, force: true });
  const names = (await readdir('test', { recursive: true })).filter((name) => name.endsWith('.test.ts'));
  await build({
    ...shared,
    entryPoints: names.map((name) => `test/${name}`),
    outdir: '.test',
    outbase: 'test',
    platform: 'node',
    // The package under its own name is the built one; everything else that a test imports is bundled from the source.
    packages: 'external',
    minify: false,
    sourcemap: 'inline',
  });
  // The files by name, because Node 20 takes a folder and no pattern here, and Node 22 the reverse.
  const files = names.map((name) => `.test/${name.replace(/\.ts$/, '.js')}`);
  // A test that fails leaves its replicas open, which would keep its process alive.
  const options = ['--enable-source-maps', '--test', '--test-timeout=240000'];
  const { status } = spawnSync(process.execPath, [...options, ...files], { stdio: 'inherit' });
  process.exitCode = status ?? 1;
}
