/** In JavaScript because TypeScript does not parse source-phase imports. */

import source handle from './sanderling.wasm';

export default handle;
