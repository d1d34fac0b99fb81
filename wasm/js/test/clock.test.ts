/** The clock: it may be set forward, and never goes back. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jumpsOfClock, now } from '../src/clock.js';

test('a clock that is set back goes on, one that is set forward is believed, and both are noticed', (t) => {
  const { now: wall } = Date;
  t.after(() => (Date.now = wall));
  let setMs = 0;
  Date.now = () => wall() + setMs;
  let last = now();
  let jumps = jumpsOfClock();
  for (const [byMs, expectedMs] of [[-3_600_000, 0], [10_000, 10_000], [-10_000, 0], [500, 500], [-500, -500], [86_400_000, 86_400_000]] as const) {
    setMs += byMs;
    const isJump = Math.abs(byMs) > 1_000;
    assert.equal(jumpsOfClock(), isJump ? ++jumps : jumps, `${byMs} ms`);
    const passed = now() - last;
    assert.ok(passed >= expectedMs && passed < expectedMs + 1_000, `${passed} ms passed when it was set by ${byMs} ms`);
    last = now();
    assert.equal(jumpsOfClock(), jumps, 'noticed once');
  }
});
