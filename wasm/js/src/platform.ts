/** What only some runtimes have. Their entry points put it here; the rest of the package asks here and nowhere else. */

import type { WebSocketConstructor } from './link.js';
import type { Store } from './storage/batch.js';

/** The abilities of the runtime beyond what every one has. */
export interface Platform {
  /** Opens a directory as a storage. */
  directory?: (directory: string, name: string) => Promise<Store>;
  /** Finds a WebSocket where there is no global one. */
  webSocket?: () => Promise<WebSocketConstructor>;
}

/** The runtime that the package was loaded in. */
export const platform: Platform = {};
