// Lists that are whole in the page: search, order, parts. Pure.

/**
 * Rows in which all words are found, case aside.
 * @template R
 * @param {readonly R[]} rows @param {string} text @param {(row: R) => string} textOf
 */
export function found(rows, text, textOf) {
  const words = text.toLowerCase().split(/\s+/).filter((word) => word !== '');
  if (words.length === 0) return [...rows];
  return rows.filter((row) => {
    const whole = textOf(row).toLowerCase();
    return words.every((word) => whole.includes(word));
  });
}

/**
 * A part of a list; a part beyond the end is the last one.
 * @template R
 * @param {readonly R[]} rows @param {number} page counted from 0 @param {number} size
 */
export function part(rows, page, size) {
  const last = Math.max(0, Math.ceil(rows.length / size) - 1);
  const shownPage = Math.min(Math.max(0, page), last);
  const from = shownPage * size;
  const rowsShown = rows.slice(from, from + size);
  return { rows: rowsShown, page: shownPage, last, from: rowsShown.length === 0 ? 0 : from + 1, to: from + rowsShown.length };
}
