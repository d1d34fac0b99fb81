/** How the page is bundled: with the npm package as it was built beside it, as its own entry for browsers. */

import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: { alias: { sanderling: here('../wasm/js/dist/browser.js') } },
  // While developing, the wasm is read from the package's folder, and the server answers the replication socket.
  server: {
    fs: { allow: [here('.'), here('../wasm/js/dist')] },
    proxy: { '/sync': { target: 'ws://127.0.0.1:7379', ws: true } },
  },
  optimizeDeps: { exclude: ['sanderling'] },
  build: { target: 'es2022', assetsInlineLimit: 0 },
});
