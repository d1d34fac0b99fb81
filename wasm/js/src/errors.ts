/** The one class of error that the package throws. */

/** An error with a stable code to act on and a message to read. */
export class SanderlingError extends Error {
  override readonly name = 'SanderlingError';

  /** Makes an error. Of a reply, `code` is the first word and `message` the whole text, as Redis has it. */
  constructor(
    /**
     * `ERR`, `WRONGTYPE`, … for what a command answered. Of the package itself: `CLOSED` (the replica was closed),
     * `OPTIONS` (an option or argument makes no sense), `WEBSOCKET` (there is nothing to connect with), `CONNECTION`
     * (a failure of the network, which will be tried again), `LOST`
     * (no reply to a call on the server), `OFFLINE` (a key is unknown and nobody can be asked), `TIMEOUT` (nobody answered in
     * time), `LOAD` (a stale value could not be loaded again), `SYNC` (the server refused the connection for good),
     * `UNAUTHORIZED` (it refused the token), `DECLINED` (more than the server takes: of channels, presence or patterns, or
     * a message that is too long),
     * `STORAGE` (the storage failed or is unavailable), `QUOTA` (it is full), `LOCKED` (another tab or process holds it),
     * `DELETED` (what was stored was deleted), `UPGRADED` (a newer release stores here: the page is to be reloaded),
     * `DAMAGED` (its content could not be read and was set aside), `ENGINE` (the engine itself failed).
     */
    readonly code: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Makes an error of the text of an error reply. */
export function replyError(text: string): SanderlingError {
  return new SanderlingError(text.split(' ', 1)[0] ?? 'ERR', text);
}

/** Returns what a caught value says, whatever it is. */
export function reason(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}

/** What whoever still waits is told when the replica is closed. */
export function closedError(): SanderlingError {
  return new SanderlingError('CLOSED', 'the replica was closed');
}
