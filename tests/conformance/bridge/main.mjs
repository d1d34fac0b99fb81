/**
 * The wasm engine behind a socket, so that what speaks RESP can be run against it: `node main.mjs [PORT]`.
 *
 * ```text
 *  RESP ──▶ requests ──▶ connection ──▶ replica ──▶ wasm module
 * ```
 * It prints `resp listening on 127.0.0.1:PORT` when it accepts.
 */

import { createServer } from 'node:net';
import { Connection } from './connection.mjs';
import { Requests } from './requests.mjs';

const server = createServer({ noDelay: true }, (socket) => {
  const [requests, connection] = [new Requests(), new Connection()];
  socket.on('data', (chunk) => {
    const replies = [];
    try {
      requests.push(chunk);
      for (let call = requests.next(); call && !connection.isOver; call = requests.next())
        if (call.length > 0) replies.push(connection.answer(call));
    } catch (error) {
      // A trap leaves the module in an unknown state: nobody is to be answered out of it.
      if (error instanceof WebAssembly.RuntimeError) throw error;
      connection.isOver = true;
      replies.push(Buffer.from(`-ERR Protocol error: ${error.message}\r\n`));
    }
    socket.write(Buffer.concat(replies));
    if (connection.isOver) socket.end();
  });
  socket.on('close', () => connection.close());
  socket.on('error', () => undefined);
});
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => console.log(`resp listening on 127.0.0.1:${server.address().port}`));
