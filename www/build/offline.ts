/**
 * Writes the service worker into the build, with the list of files that it keeps: the page opens without a network,
 * and its data comes from the replica's own store.
 */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Plugin } from 'vite';

/** Returns the plugin. */
export function offline(): Plugin {
  return {
    name: 'offline',
    apply: 'build',
    generateBundle(_, bundle) {
      const files = Object.keys(bundle).filter((name) => !name.endsWith('.map') && name !== 'index.html');
      const paths = ['/', '/theme.js', '/favicon.svg', ...files.map((name) => `/${name}`)].sort();
      const hash = createHash('sha256');
      for (const file of Object.values(bundle)) hash.update(file.type === 'chunk' ? file.code : file.source);
      const worker = readFileSync(new URL('../src/service-worker.js', import.meta.url), 'utf8')
        .replace("'VERSION'", JSON.stringify(hash.digest('hex').slice(0, 16)))
        .replace("['/']", JSON.stringify(paths));
      this.emitFile({ type: 'asset', fileName: 'service-worker.js', source: worker });
    },
  };
}
