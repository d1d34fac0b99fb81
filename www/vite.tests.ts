/** Bundles the tests for Node: the page's own modules, and nothing of Node. */

import { defineConfig } from 'vite';
import { readdirSync } from 'node:fs';
import { markdown } from './build/markdown.js';

const tests = readdirSync(new URL('./test/', import.meta.url)).filter((name) => name.endsWith('.test.ts'));

export default defineConfig({
  plugins: [markdown()],
  publicDir: false,
  build: {
    ssr: true,
    target: 'node20',
    outDir: '.test',
    emptyOutDir: true,
    rollupOptions: { input: tests.map((name) => `test/${name}`) },
  },
});
