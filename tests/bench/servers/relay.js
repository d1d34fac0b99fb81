/**
 * The floor: a relay that keeps a map and passes messages on as they are. A message is a list of pairs, or one pair.
 * Whoever connects is sent the whole map first.
 */

import { WebSocketServer } from 'ws';

const map = new Map();
const server = new WebSocketServer({ port: 0, host: '127.0.0.1', maxPayload: 2 ** 30 });

server.on('connection', (socket) => {
  socket.send(JSON.stringify([...map]));
  socket.on('message', (bytes) => {
    const text = bytes.toString();
    const message = JSON.parse(text);
    for (const [key, value] of Array.isArray(message) ? message : [[message.k, message.v]]) map.set(key, value);
    for (const other of server.clients) if (other !== socket) other.send(text);
  });
});
server.on('listening', () => console.log(`http listening on 127.0.0.1:${server.address().port}`));
