/** y-websocket's own server, as its `server.js` starts it: the document in memory, no persistence. */

import { setupWSConnection } from '@y/websocket-server/utils';
import { WebSocketServer } from 'ws';

const server = new WebSocketServer({ port: 0, host: '127.0.0.1', maxPayload: 2 ** 30 });
server.on('connection', setupWSConnection);
server.on('listening', () => console.log(`http listening on 127.0.0.1:${server.address().port}`));
