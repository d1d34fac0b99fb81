/** Which release this is. */

import { engine } from './module.js';

/** Returns the version of the engine, which is that of the package. */
export async function version(): Promise<string> {
  return (await engine()).version;
}
