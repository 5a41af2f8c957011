// Cells that all lists of the mesh share: times, kinds by colour and text, names with a second line.

import { h, setAttribute, setText } from '../shared/dom.js';
import { isNumber, UNKNOWN } from '../shared/format.js';
import { shown } from '../shared/safe_text.js';
import { clockUtc, familyOf, shortAgo } from './short_text.js';
import { routeName, typeName } from './names.js';

/**
 * @template R
 * @typedef {import('../shared/table.js').Column<R>} Column
 */

/** ISO 8601 in UTC, for tooltips. @param {number | null | undefined} ms @returns {string | null} */
const isoTitle = (ms) => (isNumber(ms) ? new Date(ms).toISOString() : null);

/** The time in UTC, and how long ago that was. @param {string} [classes] @returns {HTMLElement} */
export function timeCell(classes = 'when') {
  return h('time', { class: classes }, h('span', { class: 'when__utc' }), h('span', { class: 'when__ago' }));
}

/** @param {Element} time of `timeCell` @param {number | null | undefined} ms @param {number} [nowMs] */
export function fillTime(time, ms, nowMs = Date.now()) {
  const [utc, age] = /** @type {HTMLElement[]} */ ([...time.children]);
  setText(/** @type {Node} */ (utc), clockUtc(ms, nowMs));
  setText(/** @type {Node} */ (age), shortAgo(ms, nowMs));
  setAttribute(time, 'datetime', isoTitle(ms));
  setAttribute(time, 'title', isoTitle(ms) ?? 'not known');
}

/**
 * @template R
 * @param {{ key: string, label: string, class?: string, ms: (row: R) => number | null | undefined, isSorted?: boolean, tone?: (row: R) => string | null }} how
 * @returns {Column<R>}
 */
export function timeColumn({ key, label, ms, isSorted = false, tone, class: classes = 'w-time' }) {
  return {
    key, label, class: classes, isNumber: false, text: () => '', make: () => timeCell(),
    update: (time, row) => fillTime(time, ms(row)), ...(isSorted ? { sort: ms } : {}), ...(tone ? { tone } : {}),
  };
}

/** The type of a packet by colour and text. @param {number | null | undefined} [type] */
export function typeBadge(type) {
  const badge = h('span', { class: 'kind' });
  fillType(badge, type);
  return badge;
}

/** @param {Element} badge @param {number | null | undefined} type */
export function fillType(badge, type) {
  setText(badge, typeName(type));
  setAttribute(badge, 'data-family', familyOf(type));
}

/** `T-FLOOD` for TRANSPORT_FLOOD: it has codes of a region. @param {number | null | undefined} route */
export const shortRoute = (route) => routeName(route).replace('TRANSPORT_', 'T-');

/** A role by colour and text. @param {Element} badge @param {string | null | undefined} role */
export function fillRole(badge, role) {
  setText(badge, shown(role, 16) || UNKNOWN);
  setAttribute(badge, 'data-family', role ?? null);
}

/**
 * A name that leads to the details; on a phone what has no column of its own stands below.
 * @template R
 * @param {{ label: string, name: (row: R) => string, link: (row: R) => string | null, below: (row: R) => string, isSorted?: boolean }} how
 * @returns {Column<R>}
 */
export function nameColumn({ label, name, link, below, isSorted = false }) {
  return {
    key: 'name', label, isHeader: true, class: 'told', text: name, hint: name,
    ...(isSorted ? { sort: (row) => name(row).toLowerCase() } : {}),
    make: () => h('div', {}, h('a', { class: 'cut' }), h('div', { class: 'below note' })),
    update(place, row) {
      const [anchor, second] = /** @type {HTMLElement[]} */ ([...place.children]);
      setText(/** @type {Node} */ (anchor), name(row));
      setAttribute(/** @type {Element} */ (anchor), 'href', link(row));
      setText(/** @type {Node} */ (second), below(row));
    },
  };
}

/**
 * A figure of a detail page: what the API does not say is said to be not known.
 * @param {string} label @param {string} text
 * @param {Omit<import('../shared/figures.js').Figure, 'label' | 'text'>} [more]
 * @returns {import('../shared/figures.js').Figure}
 */
export function figure(label, text, more = {}) {
  return { label, text, ...more, hint: text === UNKNOWN ? 'not known' : more.hint ?? '' };
}

/** A time as a figure: how long ago, and the time itself. @param {string} label @param {number | null | undefined} ms
 * @param {Omit<import('../shared/figures.js').Figure, 'label' | 'text'>} [more] */
export function timeFigure(label, ms, more = {}) {
  const now = Date.now();
  const age = isNumber(ms) ? shortAgo(ms, now) : UNKNOWN;
  return figure(label, age, { ...more, title: isoTitle(ms), hint: isNumber(ms) ? `${clockUtc(ms, now)} UTC` : '' });
}
