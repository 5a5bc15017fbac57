// Which pages of a long list are in view. Pure.

/** The numbers of the pages, from 1, that hold the rows from `first` to `last` (both counted from 0). */
export function pagesInView(first: number, last: number, rows: number, total: number): number[] {
  if (total === 0) return [1];
  const low = Math.floor(Math.max(0, first) / rows);
  const high = Math.floor(Math.min(last, total - 1) / rows);
  return Array.from({ length: Math.max(1, high - low + 1) }, (_, index) => low + index + 1);
}
