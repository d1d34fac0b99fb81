/**
 * The token that a connection shows, and when it is time for another.
 *
 * Whether it is good is the server's affair: here nothing is verified.
 */

/** What says who is connecting: a token, or what gets one whenever it is needed. */
export type TokenSource = string | (() => string | Promise<string>);

/** How a token travels: a page can't set headers of a WebSocket, but it can offer subprotocols. */
export function protocolsFor(token: string): string[] {
  // Of what is left as it is, the brackets alone may not stand in a header's list.
  const encoded = encodeURIComponent(token).replace(/[()]/g, (bracket) => (bracket === '(' ? '%28' : '%29'));
  return [SUBPROTOCOL, `sanderling.token.${encoded}`];
}

/** After how many milliseconds a fresh token should be followed by another; `undefined` if it doesn't say. */
export function renewalDelay(token: string): number | undefined {
  try {
    const payload = token.split('.')[1]!.replace(/-/g, '+').replace(/_/g, '/');
    const { exp, iat = Date.now() / 1000 } = JSON.parse(atob(payload)) as { exp?: unknown; iat?: unknown };
    // How long it lives is asked of the token rather than of this clock, which may be wrong.
    const delay = (Number(exp) - Number(iat)) * 1000 * LIFE_USED;
    return Number.isNaN(delay) ? undefined : Math.min(Math.max(delay, DELAY_MS_MIN), DELAY_MS_MAX);
  } catch {
    return undefined;
  }
}

const SUBPROTOCOL = 'sanderling.v1';
/** The part of its life after which a token is renewed. */
const LIFE_USED = 0.8;
const DELAY_MS_MIN = 1000;
/** What timers can hold. */
const DELAY_MS_MAX = 2 ** 31 - 1;
