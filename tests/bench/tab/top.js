/** The ten highest of a map of scores, for those who keep no order: all of it is sorted. */
export function topOf(scores) {
  return [...scores].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? 1 : -1)).slice(0, 10).map(([member]) => member);
}
