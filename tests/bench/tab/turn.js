/** Lets everything run that waits for the next turn of the event loop. */
export const turn = () =>
  new Promise((resolve) => {
    if (globalThis.setImmediate) return setImmediate(resolve);
    channel.port1.onmessage = resolve;
    channel.port2.postMessage(null);
  });

const channel = globalThis.setImmediate ? undefined : new MessageChannel();
