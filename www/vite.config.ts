/**
 * How the page is bundled: with the npm package as it was built beside it, as its own entry for browsers; with the
 * documentation rendered; and with a worker that keeps all of it for a time without network.
 */

import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import { contentSecurityPolicy } from './build/csp.js';
import { markdown } from './build/markdown.js';
import { offline } from './build/offline.js';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  plugins: [markdown(), contentSecurityPolicy(), offline()],
  resolve: {
    alias: { 'sanderling/inspect': here('../wasm/js/dist/inspect.js'), sanderling: here('../wasm/js/dist/browser.js') },
  },
  // While developing, the wasm is read from the package's folder, and the server answers the replication socket.
  server: {
    fs: { allow: [here('.'), here('../wasm/js/dist')] },
    proxy: { '/sync': { target: 'ws://127.0.0.1:7379', ws: true } },
  },
  optimizeDeps: { exclude: ['sanderling'] },
  // Inlined assets would need `data:` in the content security policy, and the polyfill an inline script.
  build: { target: 'es2022', assetsInlineLimit: 0, modulePreload: { polyfill: false } },
});
