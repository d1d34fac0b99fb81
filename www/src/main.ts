/**
 * The page: it opens the replica and hands it to the console, the list of keys and the sync panel.
 *
 * Only this file knows the whole of the npm package; the parts know what they need of it, as their host.
 */

import { open, type Sanderling } from 'sanderling';
import { inspect } from 'sanderling/inspect';
import './style/page.css';
import { Console } from './console/view.js';
import { DocsView } from './docs/view.js';
import { byId } from './dom.js';
import { KeysView } from './keys/view.js';
import { startRouter } from './router.js';
import { Guesses } from './sync/guesses.js';
import { SyncView } from './sync/view.js';
import { textOf } from './text.js';
import { startTheme } from './theme.js';

startTheme();
startRouter(new DocsView());
keepOffline();
await start();

async function start(): Promise<void> {
  const query = new URLSearchParams(location.search);
  const name = query.get('name') ?? 'page';
  const url = syncUrl(query);
  byId('replica-name', HTMLSpanElement).textContent = name;
  let db: Sanderling;
  try {
    db = await open({ name, url, token: query.get('token') ?? '', subscribe: ['*'] });
  } catch (error) {
    byId('sync-state', HTMLOutputElement).textContent = 'failed';
    byId('console-output', HTMLDivElement).textContent = `The replica could not be opened: ${String(error)}`;
    throw error;
  }
  const guesses = new Guesses();
  const keys: KeysView = new KeysView({
    read: (name, ...words) => db.call(name, ...words),
    page: (cursor) => {
      const page = db.entries({ cursor, count: PAGE_KEYS });
      return { cursor: page.cursor, keys: page.entries.map((entry) => entry.key) };
    },
    propose: (command, run) => {
      if (run) console.enter(command);
      console.propose(run ? '' : command);
    },
  });
  const console = new Console({
    run: ([name = '', ...words]) => {
      const before = db.lastSeq;
      const reply = inspect(db, typeof name === 'string' ? name : textOf(name), ...words);
      if (db.lastSeq !== before) guesses.add(db.lastSeq, [name, ...words], reply);
      return reply;
    },
    transaction: (open) => keys.pause(open),
    keysFrom: (prefix, count) => keys.list.startingWith(prefix, count),
  });
  const sync = new SyncView({
    status: () => db.status,
    connect: () => db.connect(),
    disconnect: () => db.disconnect(),
  });
  db.on('change', (change) => keys.changed(change.keys, change.flushed));
  db.on('status', () => sync.changed());
  db.on('correction', ({ seq, reply }) => sync.note('correction', guesses.corrected(seq, reply)));
  db.on('refused', ({ seq, error }) => sync.note('refused', guesses.refused(seq, error.message)));
  db.on('warning', (warning) => sync.note('warning', warning.message));
  db.on('error', (error) => sync.note('error', error.message));
  await keys.load();
  document.documentElement.dataset['ready'] = '';
  // For whoever looks around with the developer tools, and for the tests that measure.
  Object.assign(globalThis, { db });
}

/** Keeps the page itself for a time without network. Only the built page has the worker. */
function keepOffline(): void {
  if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return;
  // Without it the page works while its server does: nothing to be told.
  navigator.serviceWorker.register('/service-worker.js').catch(() => undefined);
}

/** Returns where to sync: with the server that served this page, unless the address says otherwise. */
function syncUrl(query: URLSearchParams): string {
  return new URL(query.get('server') ?? '/sync', location.href).href;
}

const PAGE_KEYS = 1_000;
