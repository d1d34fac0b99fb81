/** Markdown of figures. Columns are not aligned: the page that shows them allows no inline style. */

/** Makes a table of a heading and rows of cells. */
export function table(heading, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(heading), `|${'---|'.repeat(heading.length)}`, ...rows.map(line), ''].join('\n');
}

/** A median with the smallest and the largest, each as `text` makes it; a dash where nothing was measured. */
export function spread(figure, text = digits) {
  if (figure === undefined || figure === null || figure.median === null) return '–';
  const [median, min, max] = [figure.median, figure.min, figure.max].map(text);
  return min === max ? median : `${median} (${min}–${max})`;
}

/** A number in three digits, with a letter for thousands and millions. */
export function digits(number) {
  for (const [from, letter] of [[1e6, ' M'], [1e3, ' k']]) if (number >= from * 0.9995) return short(number / from) + letter;
  return short(number);
}

/** A number in three digits. */
/** A number in three digits, or two if it is small. */
export function short(number) {
  if (number > 0 && number < 0.1) return number.toPrecision(2);
  const places = number >= 99.95 ? 0 : number >= 9.995 ? 1 : 2;
  return number.toFixed(places);
}

/** Bytes in megabytes. */
export const megabytes = (bytes) => (bytes / 1e6).toFixed(bytes >= 1e7 ? 1 : 2);

/** How one figure stands to another. */
export function ratio(ours, other) {
  if (!(ours > 0) || !(other > 0)) return '–';
  return `× ${short(ours / other)}`;
}
