/**
 * Who is measured. A peer has a `name`, its `packages`, what `settled` means for it, how its `server` is
 * started, and `open(url, WebSocket)`, which makes a client: `set`, `get`, `size`, `onKeys`, `close`, and where there
 * are such things `transaction` and `settled`.
 */

import { batched, plain } from './relay.js';
import { sanderling } from './sanderling.js';
import { tinybase } from './tinybase.js';
import { yjs } from './yjs.js';

export const peers = [sanderling, yjs, tinybase, plain, batched];
