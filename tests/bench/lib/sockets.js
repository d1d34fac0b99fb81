/** Sockets whose bytes are counted where they leave the process: payload, frames and masks, of the handshake apart. */

import WebSocket from 'ws';

/** Makes a WebSocket class of its own for one client, and counts what its connections carry. */
export function counted() {
  const sockets = [];
  class Counted extends WebSocket {
    constructor(url, protocols) {
      super(url, protocols);
      this.once('upgrade', ({ socket }) => sockets.push(socket));
    }
  }
  const sum = (name) => sockets.reduce((bytes, socket) => bytes + socket[name], 0);
  return { WebSocket: Counted, up: () => sum('bytesWritten'), down: () => sum('bytesRead') };
}
