/** What leading and following means for the rest of a replica: its storage, its connection, those who wait for answers. */

import { SanderlingError } from '../errors.js';
import type { Parts } from '../lifecycle.js';
import { asStorageError } from '../persister.js';
import { statusOf } from '../status.js';
import type { Pair } from '../storage/batch.js';
import type { Host } from './tabs.js';

/** Makes the parts of a replica a tab's. */
export function hostOf(parts: Parts): Host {
  const { port, link, persister, talk, schedule, warn } = parts;
  const host: Host = {
    port,
    schedule,
    warn,
    lead: async (url, others, isWanted) => {
      const store = await parts.reopen().catch((error: unknown) => void warn(asStorageError(error), true));
      let pairs: Pair[] = [];
      try {
        pairs = (await store?.load()) ?? [];
      } catch (error) {
        warn(asStorageError(error));
        pairs = await store!.salvage().catch(() => []);
      }
      const identities = await others();
      if (port.isFree || !isWanted()) return void store?.close();
      const { lead, isWhole } = port.lead(pairs, identities);
      if (!isWhole) warn(new SanderlingError('DAMAGED', 'what was stored cannot be read: the pending commands that can be are kept'));
      persister.start(store, { anew: true });
      parts.tabs()!.leads(lead);
      host.network(url);
    },
    follow: () => {
      link.stop();
      void persister.stop()?.close();
    },
    network: (url) => {
      if (url === null) link.stop();
      else link.start(url);
    },
    answer: (id) => talk.wait(id),
    message: (channel, message) => talk.handle({ kind: 'message', channel, message }),
    stored: () => persister.stored().then(() => null),
    shared: () => {
      const { state, attempt, retryAt, lastFailure, storage } = statusOf(port, link, persister.kind, undefined, undefined);
      const status = { state, attempt, retryAt, lastFailure, storage };
      return { status, url: link.state === 'off' ? null : (parts.url() ?? null) };
    },
  };
  return host;
}
