/** Where Chromium is: what the environment names, and else what the search path has. */

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The names under which systems install it. */
const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** Returns the path of the browser: `SANDERLING_CHROMIUM`, `CHROMIUM`, or the first on the search path. */
export function chromiumPath() {
  const named = process.env.SANDERLING_CHROMIUM ?? process.env.CHROMIUM;
  if (named !== undefined) return named;
  const folders = (process.env.PATH ?? '').split(delimiter);
  const found = NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find(isProgram);
  if (found === undefined) throw new Error('no Chromium on the search path: install it, or name one in SANDERLING_CHROMIUM');
  return found;
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
