/** Globs as Redis matches them: `*`, `?`, `[a-z]`, `[^…]` and `\` before any of these. */

/** Tells whether a glob is a plain key, without anything to expand. */
export function isPlain(glob: string): boolean {
  return !/[*?[\\]/.test(glob);
}

/** Tells whether a key matches. Cost: at most the product of both lengths; a `*` is tried again, never nested. */
export function matches(glob: string, key: string): boolean {
  let g = 0;
  let k = 0;
  let star = -1;
  let starKey = 0;
  while (k < key.length) {
    const next = g < glob.length ? step(glob, g, key[k]!) : 0;
    if (glob[g] === '*') {
      star = ++g;
      starKey = k;
    } else if (next > 0) {
      g = next;
      k++;
    } else if (star >= 0) {
      // Let the last star take one character more.
      g = star;
      k = ++starKey;
    } else return false;
  }
  while (glob[g] === '*') g++;
  return g >= glob.length;
}

/** Matches one character against what stands at `at`; returns the position behind that, 0 if it does not match. */
function step(glob: string, at: number, character: string): number {
  const token = glob[at]!;
  if (token === '?') return at + 1;
  if (token === '\\' && at + 1 < glob.length) return glob[at + 1] === character ? at + 2 : 0;
  if (token !== '[') return token === character ? at + 1 : 0;
  let index = at + 1;
  const negated = glob[index] === '^';
  if (negated) index++;
  let found = false;
  // An unclosed class ends with the glob, as in Redis.
  for (; index < glob.length && glob[index] !== ']'; index++) {
    if (glob[index] === '\\' && index + 1 < glob.length) {
      if (glob[++index] === character) found = true;
    } else if (glob[index + 1] === '-' && index + 2 < glob.length) {
      const [low, high] = [glob[index]!, glob[index + 2]!].sort() as [string, string];
      if (low <= character && character <= high) found = true;
      index += 2;
    } else if (glob[index] === character) found = true;
  }
  return found !== negated ? Math.min(index + 1, glob.length) : 0;
}
