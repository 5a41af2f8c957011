// A table that is refreshed in place: rows keep their elements, headers sort.

import { h, reconcile, setAttribute, setText } from './dom.js';

/**
 * @template R
 * @typedef {{
 *   key: string,
 *   label: string,
 *   title?: string,
 *   isNumber?: boolean,
 *   isHeader?: boolean,
 *   class?: string,
 *   text: (row: R) => string,
 *   sort?: (row: R) => number | string | null | undefined,
 *   tone?: (row: R) => string | null,
 *   hint?: (row: R) => string | null,
 *   link?: (row: R) => string | null,
 *   make?: (row: R) => Node,
 *   update?: (content: any, row: R) => void,
 * }} Column
 */
/** @typedef {{ key: string, isDescending: boolean }} Order */

/**
 * Sorts a copy: unknown values last, equal ones in the order they came.
 * @template R
 * @param {readonly R[]} rows @param {Column<R>[]} columns @param {Order | null} order
 */
export function sorted(rows, columns, order) {
  const column = columns.find(({ key }) => key === order?.key);
  const by = column?.sort;
  if (!order || !by) return [...rows];
  const sign = order.isDescending ? -1 : 1;
  return [...rows].sort((a, b) => compare(by(a), by(b), sign));
}

/** @param {any} a @param {any} b @param {number} sign */
function compare(a, b, sign) {
  const isUnknown = (/** @type {unknown} */ value) => value === null || value === undefined;
  if (isUnknown(a) || isUnknown(b)) return Number(isUnknown(a)) - Number(isUnknown(b));
  if (typeof a === 'string' && typeof b === 'string') return sign * a.localeCompare(b, 'en');
  return sign * (a < b ? -1 : Number(a > b));
}

/**
 * Makes a table. `text` is what a cell says (always set as text); `link` makes it a link; `tone`
 * colours it (`good`, `warn`, `bad`, `muted`); `hint` is its tooltip; `make` and `update` are for
 * cells that hold more than text. Columns with `sort` have a button in their header.
 * @template R
 * @param {{
 *   caption: string,
 *   columns: Column<R>[],
 *   rowKey: (row: R) => string,
 *   order?: Order,
 *   onOrder?: (order: Order) => void,
 *   empty?: string,
 *   rowTone?: (row: R) => string | null,
 *   isCaptionHidden?: boolean,
 *   class?: string,
 * }} options
 */
export function makeTable(options) {
  const { caption, columns, rowKey, empty = 'Nothing.', rowTone } = options;
  let order = options.order ?? null;
  /** @type {readonly R[]} */
  let rows = [];
  const heads = columns.map((column) => head(column, () => turn(column)));
  const body = h('tbody');
  const nothing = h('p', { class: 'table__empty', hidden: true }, empty);
  const table = h('table', { class: options.class },
    h('caption', { class: options.isCaptionHidden ? 'spoken' : '' }, caption),
    h('thead', {}, h('tr', {}, heads)), body);
  const scroller = h('div', { class: 'table', role: 'group', tabindex: '0', 'aria-label': caption }, table);
  const element = h('div', {}, scroller, nothing);

  /** @param {Column<R>} column */
  const turn = (column) => {
    const isSame = order?.key === column.key;
    order = { key: column.key, isDescending: isSame ? !order?.isDescending : Boolean(column.isNumber) };
    options.onOrder?.(order);
    draw();
  };

  const draw = () => {
    columns.forEach((column, index) => {
      const direction = order?.isDescending ? 'descending' : 'ascending';
      setAttribute(/** @type {Element} */ (heads[index]), 'aria-sort', order?.key === column.key ? direction : null);
    });
    reconcile(body, sorted(rows, columns, order), {
      key: rowKey,
      make: (row) => h('tr', {}, columns.map((column) => cell(column, row))),
      update(line, row) {
        setAttribute(line, 'data-tone', rowTone?.(row) ?? null);
        columns.forEach((column, index) => fill(/** @type {HTMLElement} */ (line.children[index]), column, row));
      },
    });
    nothing.hidden = rows.length > 0;
    table.hidden = rows.length === 0;
  };

  return {
    element,
    body,
    /** @param {readonly R[]} next */
    update(next) {
      rows = next;
      draw();
    },
    /** @param {string} text what is said when there is no row */
    setEmpty: (text) => setText(nothing, text),
  };
}

/** @template R @param {Column<R>} column */
const kindOf = (column) => [column.isNumber ? 'number' : '', column.class ?? ''].join(' ').trim();

/** @template R @param {Column<R>} column @param {() => void} turn */
function head(column, turn) {
  const kind = kindOf(column).replace(/\bmono\b/, '').trim();
  const label = column.sort
    ? h('button', { type: 'button', class: 'sort', on: { click: turn } }, column.label)
    : column.label;
  return h('th', { scope: 'col', class: kind || null, title: column.title }, label);
}

/** @template R @param {Column<R>} column @param {R} row @returns {HTMLElement} */
function cell(column, row) {
  const kind = kindOf(column);
  const place = column.isHeader ? h('th', { scope: 'row', class: kind || null }) : h('td', { class: kind || null });
  if (column.make) place.append(column.make(row));
  return place;
}

/** @template R @param {HTMLElement} place @param {Column<R>} column @param {R} row */
function fill(place, column, row) {
  setAttribute(place, 'data-tone', column.tone?.(row) ?? null);
  setAttribute(place, 'title', column.hint?.(row) ?? null);
  if (column.make) {
    column.update?.(place.firstChild, row);
    return;
  }
  const address = column.link?.(row) ?? null;
  if (address === null) {
    setText(place, column.text(row));
    return;
  }
  const first = place.firstElementChild;
  const link = first instanceof HTMLAnchorElement ? first : h('a');
  if (link !== first) place.replaceChildren(link);
  setText(link, column.text(row));
  setAttribute(link, 'href', address);
}
