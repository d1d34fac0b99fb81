/** What the package exports, the same under every runtime. */

export { engine } from './module.js';
