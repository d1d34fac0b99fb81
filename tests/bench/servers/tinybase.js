/**
 * tinybase's own server. Without a persister it would hold nothing, and a fresh client would get everything from the
 * other client; the one here keeps the store in memory and writes nothing, as the other servers do.
 */

import { createMergeableStore } from 'tinybase';
import { createCustomPersister, Persists } from 'tinybase/persisters';
import { createWsServer } from 'tinybase/synchronizers/synchronizer-ws-server';
import { WebSocketServer } from 'ws';

const inMemory = () =>
  createCustomPersister(
    createMergeableStore(),
    async () => undefined,
    async () => undefined,
    () => undefined,
    () => undefined,
    undefined,
    Persists?.MergeableStoreOnly ?? 2,
  );

const server = new WebSocketServer({ port: 0, host: '127.0.0.1', maxPayload: 2 ** 30 });
createWsServer(server, inMemory);
server.on('listening', () => console.log(`http listening on 127.0.0.1:${server.address().port}`));
