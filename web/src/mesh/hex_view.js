// The bytes of a packet: coloured by range, and a table that says what each range is.

import { h, reconcile, setAttribute, setText } from '../shared/dom.js';
import { bitTexts, bytesOf, groupOf, hexRows, placeOf, spokenOf, valueOf } from './breakdown.js';

/** @typedef {import('./breakdown.js').Range} Range */

const WIDE = '(min-width: 48rem)';
/** A packet has 255 bytes at most; what claims more is cut. */
const BYTES_MAX = 1024;

/** @returns {{ element: HTMLElement, update: (hex: string, ranges: Range[]) => void, stop: () => void }} */
export function hexView() {
  const hexes = h('div', { class: 'hex', role: 'toolbar', 'aria-label': 'Bytes of the packet, by what they say', 'aria-orientation': 'horizontal' });
  const cut = h('p', { class: 'note', hidden: true });
  const list = h('tbody');
  const table = h('table', { class: 'ranges' }, h('caption', { class: 'spoken' }, 'What the bytes say'),
    h('thead', {}, h('tr', {}, ['Bytes', 'What', 'Value'].map((label) => h('th', { scope: 'col' }, label)))), list);
  const element = h('div', { class: 'bytes' }, h('div', {}, hexes, cut),
    h('div', { class: 'table', role: 'group', tabindex: '0', 'aria-label': 'What the bytes say' }, table));
  const wide = matchMedia(WIDE);
  /** @type {string[]} */
  let bytes = [];
  /** @type {Range[]} */
  let ranges = [];

  /** @param {number | null} index */
  const mark = (index) => {
    for (const part of element.querySelectorAll('[data-range]')) {
      setAttribute(part, 'data-marked', index !== null && part.getAttribute('data-range') === String(index));
    }
  };
  const draw = () => {
    const perRow = wide.matches ? 16 : 8;
    const rows = hexRows(bytes.slice(0, BYTES_MAX), ranges, perRow);
    hexes.replaceChildren(...rows.map(({ offset, segments, text }) => h('div', { class: 'hex__row' },
      h('span', { class: 'hex__offset', 'aria-hidden': 'true' }, offset.toString(16).toUpperCase().padStart(3, '0')),
      h('span', { class: 'hex__bytes' }, segments.map(segmentOf)),
      perRow === 16 && h('span', { class: 'hex__text', 'aria-hidden': 'true' }, text))));
    setAttribute(hexes.querySelector('[role=button]') ?? hexes, 'tabindex', hexes.querySelector('[role=button]') ? '0' : null);
    cut.hidden = bytes.length <= BYTES_MAX;
    setText(cut, `The first ${BYTES_MAX} of ${bytes.length} bytes.`);
  };
  /** @param {import('./breakdown.js').Segment} segment */
  const segmentOf = ({ range: index, bytes: shown, isFirst }) => {
    const range = /** @type {Range} */ (ranges[index]);
    const props = { class: 'hex__range', 'data-range': index, 'data-group': groupOf(range.kind), title: spokenOf(range) };
    // One stop for the tab key; the arrows go from range to range.
    const text = shown.join(' ');
    const own = isFirst ? { role: 'button', tabindex: '-1', 'aria-label': `${text}: ${spokenOf(range)}` } : { 'aria-hidden': 'true' };
    return h('span', { ...props, ...own }, text);
  };

  /** @param {Event} event */
  const rangeOf = (event) => {
    const part = event.target instanceof Element ? event.target.closest('[data-range]') : null;
    return part && element.contains(part) ? Number(part.getAttribute('data-range')) : null;
  };
  for (const kind of ['pointerover', 'focusin']) element.addEventListener(kind, (event) => mark(rangeOf(event)));
  element.addEventListener('pointerleave', () => mark(null));
  hexes.addEventListener('click', (event) => {
    const index = rangeOf(event);
    if (index !== null) list.children[index]?.scrollIntoView({ block: 'nearest' });
  });
  hexes.addEventListener('keydown', (event) => {
    const stops = [.../** @type {NodeListOf<HTMLElement>} */ (hexes.querySelectorAll('[role=button]'))];
    const at = stops.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const to = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: stops.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    const next = stops[Math.min(Math.max(to, 0), stops.length - 1)];
    stops[at]?.setAttribute('tabindex', '-1');
    next?.setAttribute('tabindex', '0');
    next?.focus();
  });
  wide.addEventListener('change', draw);

  return {
    element,
    update(hex, next) {
      bytes = bytesOf(hex);
      ranges = next;
      draw();
      reconcile(list, ranges.map((range, index) => ({ range, index })), {
        key: ({ range, index }) => `${index} ${range.start} ${range.label}`,
        make: ({ index }) => h('tr', { 'data-range': index }, h('td', { class: 'mono nowrap' }),
          h('th', { scope: 'row' }, h('span', { class: 'key' }), h('span')), h('td', { class: 'told mono' })),
        update(line, { range }) {
          const [place, label, value] = line.children;
          setText(/** @type {Node} */ (place), placeOf(range));
          setAttribute(/** @type {Element} */ (label?.firstElementChild), 'data-group', groupOf(range.kind));
          setText(/** @type {Node} */ (label?.lastElementChild), range.label);
          const bits = bitTexts(range);
          value?.replaceChildren(valueOf(range), ...bits.map((text) => h('div', { class: 'note' }, text)));
        },
      });
    },
    stop: () => wide.removeEventListener('change', draw),
  };
}
