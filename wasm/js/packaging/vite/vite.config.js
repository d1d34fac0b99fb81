/** Vite, for the consumer that is built: nothing special but that the package keeps its wasm beside it. */

import { defineConfig } from 'vite';

export default defineConfig({
  // Vite's dependency optimiser would move the module away from its wasm.
  optimizeDeps: { exclude: ['sanderling'] },
  build: { target: 'es2022', emptyOutDir: true },
});
