/**
 * The time of replicas: that of the machine, which may be set, but never back.
 *
 * A clock that is set back would make deadlines come again and silences endless, so what it was set back by is added from
 * then on. One that is set forward, or went on while the machine slept, is believed, and counted as a jump: whoever
 * measured a silence measured nothing. The server's time puts both right with the next answer.
 */

let addedMs = 0;
let jumps = 0;
let wallMs = Date.now();
let steadyMs = performance.now();

/** Milliseconds since the epoch. */
export function now(): number {
  return Date.now() + addedMs;
}

/** Looks whether the clock has gone on as time has; returns how often it has not. */
export function jumpsOfClock(): number {
  const wall = Date.now();
  const steady = performance.now();
  const jumpMs = wall - wallMs - (steady - steadyMs);
  wallMs = wall;
  steadyMs = steady;
  if (Math.abs(jumpMs) > JUMP_MS) {
    jumps++;
    if (jumpMs < 0) addedMs -= jumpMs;
  }
  return jumps;
}

/** What is less than this is a clock that is being adjusted. */
const JUMP_MS = 2_000;

/** Resolves after some time. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
