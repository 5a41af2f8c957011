// The form above the packet list.

import { h } from '../shared/dom.js';
import { shown } from '../shared/safe_text.js';
import { FIELDS, filtersOf, inputTime, SIZES } from './filters.js';
import { ROUTES, TYPES } from './names.js';

/** @typedef {import('./filters.js').Filters} Filters */

/** Fields that are always in view; the others are behind "More filters". */
const FIRST = ['type', 'observer', 'node', 'channel'];
const HINTS = /** @type {Record<string, [string, string]>} */ ({
  observer: ['Observer', 'id, id…'], node: ['Node', 'name or key'],
  channel: ['Channel', '#name or enc_A1'], hash: ['Hash', '16 hex digits'],
  region: ['Region', 'PAR, LYS…'], area: ['Area', 'key of an area'],
});

/**
 * @param {Filters} filters
 * @param {(filters: Filters) => void} onChange with the first page
 */
export function filterForm(filters, onChange) {
  const known = h('datalist', { id: 'observers-known' });
  /** @type {Record<string, HTMLInputElement | HTMLSelectElement>} */
  const inputs = {
    type: choice([['', 'All'], ...TYPES.map((name, number) => pair(number, name)).filter(([, name]) => !name.startsWith('RESERVED'))]),
    route: choice([['', 'All'], ...ROUTES.map((name, number) => pair(number, name))]),
    since: h('input', { type: 'datetime-local', step: '1' }),
    until: h('input', { type: 'datetime-local', step: '1' }),
  };
  for (const field of Object.keys(HINTS)) {
    inputs[field] = h('input', {
      type: 'text', placeholder: HINTS[field]?.[1], autocomplete: 'off', spellcheck: 'false', maxlength: '2000',
      list: field === 'observer' ? known.id : null,
    });
  }
  const view = choice([['', 'Heard last first'], ['plain', 'Newest first'], ['plain asc', 'Oldest first']]);
  const size = choice(SIZES.map((rows) => [String(rows), String(rows)]));
  const labels = { ...Object.fromEntries(Object.entries(HINTS).map(([field, [label]]) => [field, label])), type: 'Type', route: 'Route', since: 'Since (UTC)', until: 'Until (UTC)' };
  const labelled = (/** @type {string} */ field) => h('label', {}, /** @type {any} */ (labels)[field], /** @type {Node} */ (inputs[field]));
  const rest = FIELDS.filter((field) => !FIRST.includes(field));
  const more = h('details', { class: 'more' }, h('summary', {}, 'More filters'),
    h('div', { class: 'form' }, rest.map(labelled), h('label', {}, 'Rows', size)));
  const clear = h('button', { type: 'button', class: 'quiet', on: { click: () => set(filtersOf(new URLSearchParams()), true) } }, 'Clear');
  const element = h('form', { class: 'filters', role: 'search', 'aria-label': 'Filters' },
    h('div', { class: 'form' }, FIRST.map(labelled), h('label', {}, 'Order', view), clear), more, known);

  const read = () => {
    const query = new URLSearchParams();
    for (const field of FIELDS) query.set(field, inputs[field]?.value ?? '');
    const [shape, order] = view.value.split(' ');
    if (shape) query.set('view', shape);
    if (order) query.set('order', order);
    query.set('limit', size.value);
    return filtersOf(query);
  };
  /** @param {Filters} next @param {boolean} isTold */
  const set = (next, isTold) => {
    for (const field of FIELDS) {
      const text = next.fields[field];
      const isTime = field === 'since' || field === 'until';
      /** @type {HTMLInputElement} */ (inputs[field]).value = isTime ? inputTime(text) : text ?? '';
    }
    view.value = next.isGrouped ? '' : `plain${next.isAscending ? ' asc' : ''}`;
    size.value = String(next.size);
    clear.disabled = Object.keys(next.fields).length === 0;
    if (rest.some((field) => next.fields[field] !== undefined)) more.open = true;
    if (isTold) onChange(next);
  };
  const changed = () => {
    const next = read();
    clear.disabled = Object.keys(next.fields).length === 0;
    onChange(next);
  };
  element.addEventListener('change', changed);
  element.addEventListener('submit', (event) => {
    event.preventDefault();
    changed();
  });
  set(filters, false);
  return {
    element,
    /** Observers to choose from. @param {readonly { id: string, name?: string | null }[]} observers */
    offer(observers) {
      known.replaceChildren(...observers.slice(0, 500).map(({ id, name }) => h('option', { value: id }, shown(name ?? id, 60))));
    },
  };
}

/** @param {number} number @param {string} name @returns {[string, string]} */
const pair = (number, name) => [String(number), name];

/** @param {[string, string][]} options */
function choice(options) {
  return h('select', {}, options.map(([value, text]) => h('option', { value }, text)));
}
