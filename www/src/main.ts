/** The page's first lines: the engine in this tab, and what it says of itself. */

import { version } from 'sanderling';

const app = document.querySelector('#app');
if (app) app.textContent = `Sanderling ${await version()}`;
