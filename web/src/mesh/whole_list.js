// A list that the page holds whole: searched, ordered and shown in parts; its state is the address.

import { h } from '../shared/dom.js';
import { freshnessLine } from '../shared/freshness.js';
import { startPoll } from '../shared/poll.js';
import { makeTable, sorted } from '../shared/table.js';
import { pager } from './pager.js';
import { found, part } from './pages_of_rows.js';

const SIZE = 100;
const TYPING_MS = 200;

/**
 * @template R
 * @typedef {{
 *   title: string,
 *   noun: string,
 *   columns: import('../shared/table.js').Column<R>[],
 *   order: import('../shared/table.js').Order,
 *   rowKey: (row: R) => string,
 *   textOf: (row: R) => string,
 *   everyMs: number,
 *   ask: (signal: AbortSignal, query: URLSearchParams) => Promise<readonly R[]>,
 *   choices?: { name: string, label: string, options: [string, string][], keeps?: (row: R, value: string) => boolean }[],
 *   searchHint: string,
 *   rowTone?: (row: R) => string | null,
 *   above?: HTMLElement,
 *   isAskedAgain?: boolean,
 * }} WholeList
 */

/**
 * `choices` with `keeps` narrow what is there; those without, and the search where `isAskedAgain`,
 * are part of what is asked of the server.
 * @template R
 * @param {HTMLElement} root @param {import('../pages.js').PageContext} context @param {WholeList<R>} options
 */
export function mountWholeList(root, context, options) {
  const { columns, rowKey, textOf, choices = [], noun } = options;
  const query = new URLSearchParams(context.query);
  const known = columns.some(({ key, sort }) => sort && key === query.get('sort'));
  let order = known ? { key: String(query.get('sort')), isDescending: query.get('dir') === 'desc' } : options.order;
  let offset = Number(query.get('offset')) || 0;
  /** @type {readonly R[]} */
  let rows = [];
  let isAsked = false;

  const age = freshnessLine();
  const search = h('input', { type: 'search', maxlength: '200', placeholder: options.searchHint, autocomplete: 'off', spellcheck: 'false' });
  search.value = query.get('q') ?? '';
  const selects = choices.map(({ name, options: list }) => {
    const select = h('select', {}, list.map(([value, text]) => h('option', { value }, text)));
    select.value = query.get(name) ?? '';
    if (select.selectedIndex < 0) select.value = '';
    return select;
  });
  const form = h('form', { class: 'form', role: 'search', 'aria-label': 'Filters' },
    h('label', { class: 'grow' }, 'Search', search),
    choices.map(({ label }, index) => h('label', {}, label, /** @type {Node} */ (selects[index]))));
  const table = makeTable({
    caption: options.title, isCaptionHidden: true, class: 'list', columns, rowKey, order, empty: 'Asking the server…', ...(options.rowTone ? { rowTone: options.rowTone } : {}),
    onOrder(next) {
      order = next;
      offset = 0;
      write();
      draw();
    },
  });
  const pages = pager((next) => {
    offset = next;
    write();
    draw();
    table.element.scrollIntoView({ block: 'start' });
  });
  root.append(h('div', { class: 'head' }, h('h1', {}, options.title), age.element), options.above ?? '',
    h('section', { class: 'card', 'aria-label': options.title }, form, table.element, pages.element));

  const draw = () => {
    const kept = choices.reduce((list, { keeps }, index) => {
      const value = selects[index]?.value ?? '';
      return keeps && value !== '' ? list.filter((row) => keeps(row, value)) : list;
    }, [...rows]);
    const all = sorted(found(kept, search.value, textOf), columns, order);
    const place = part(all, Math.floor(offset / SIZE), SIZE);
    table.update(place.rows);
    pages.update({ offset: place.page * SIZE, size: SIZE, shown: place.rows.length, total: all.length });
    if (isAsked) table.setEmpty(rows.length === 0 ? `No ${noun} is known.` : `No ${noun} is like that.`);
  };
  const write = () => {
    const next = new URLSearchParams();
    const set = (/** @type {string} */ name, /** @type {string} */ value) => value !== '' && next.set(name, value);
    set('q', search.value.trim());
    choices.forEach(({ name }, index) => set(name, selects[index]?.value ?? ''));
    if (order.key !== options.order.key || order.isDescending !== options.order.isDescending) {
      next.set('sort', order.key);
      next.set('dir', order.isDescending ? 'desc' : 'asc');
    }
    if (offset > 0) next.set('offset', String(offset));
    context.setQuery(next);
    return next;
  };
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let typing;
  const changed = (/** @type {boolean} */ isAskDue) => {
    offset = 0;
    write();
    draw();
    if (isAskDue) poll.refresh();
  };
  search.addEventListener('input', () => {
    clearTimeout(typing);
    typing = setTimeout(() => changed(Boolean(options.isAskedAgain)), TYPING_MS);
  });
  form.addEventListener('change', (event) => changed(event.target !== search));
  form.addEventListener('submit', (event) => event.preventDefault());

  const poll = startPoll({
    everyMs: options.everyMs,
    async task(signal) {
      let asked;
      do {
        asked = write().toString();
        rows = await options.ask(signal, new URLSearchParams(asked));
      } while (asked !== write().toString());
      isAsked = true;
      draw();
    },
    onState(state) {
      age.show(state);
      if (state.error !== null && rows.length === 0) table.setEmpty(`Cannot be read now: ${state.error}. Trying again.`);
    },
  });
  return () => {
    clearTimeout(typing);
    poll.stop();
    age.stop();
  };
}
