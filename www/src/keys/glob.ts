/** Redis's glob patterns, for filtering in the page: `*`, `?`, `[a-z]`, `[^a]` and `\` before what is meant literally. */

/** Returns what tells whether a key matches a filter. A filter without any pattern in it matches as a part. */
export function matcher(filter: string): (key: string) => boolean {
  if (filter === '' || filter === '*') return () => true;
  if (!/[*?[\\]/.test(filter)) return (key) => key.includes(filter);
  const pattern = new RegExp(`^${translate(filter)}$`, 'su');
  return (key) => pattern.test(key);
}

function translate(glob: string): string {
  let pattern = '';
  for (let at = 0; at < glob.length; at += 1) {
    const letter = glob[at] ?? '';
    if (letter === '*') pattern += '.*';
    else if (letter === '?') pattern += '.';
    else if (letter === '\\') pattern += literal(glob[(at += 1)] ?? '\\');
    else if (letter === '[') {
      const found = /^\[(\^?)((?:\\.|[^\]\\])*)\]?/s.exec(glob.slice(at));
      pattern += members(found?.[1] ?? '', found?.[2] ?? '');
      at += (found?.[0].length ?? 1) - 1;
    } else pattern += literal(letter);
  }
  return pattern;
}

/** Translates what stands between square brackets. Nothing between them matches nothing, or, negated, everything. */
function members(negation: string, body: string): string {
  let inner = '';
  const letters = [...body.matchAll(/\\(.)|(.)/gsu)].map((match) => ({ text: match[1] ?? match[2] ?? '', plain: match[1] === undefined }));
  for (let at = 0; at < letters.length; at += 1) {
    const from = letters[at]?.text ?? '';
    const to = letters[at + 2]?.text;
    if (letters[at + 1]?.plain && letters[at + 1]?.text === '-' && to !== undefined) {
      const [low, high] = from <= to ? [from, to] : [to, from];
      inner += `${inClass(low)}-${inClass(high)}`;
      at += 2;
    } else inner += inClass(from);
  }
  if (inner === '') return negation === '' ? '(?!)' : '.';
  return `[${negation}${inner}]`;
}

function literal(letter: string): string {
  return letter.replace(/[\^$\\.*+?()[\]{}|/]/g, '\\$&');
}

function inClass(letter: string): string {
  return letter.replace(/[\\\]\[^-]/g, '\\$&');
}
