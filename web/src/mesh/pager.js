// "1–50 of 499", and the way to the parts before and behind.

import { h, setText } from '../shared/dom.js';
import { count } from '../shared/format.js';

/** @typedef {{ offset: number, size: number, shown: number, total: number }} Place */

/**
 * @param {(offset: number) => void} onTurn
 * @returns {{ element: HTMLElement, update: (place: Place) => void }}
 */
export function pager(onTurn) {
  /** @type {Place} */
  let place = { offset: 0, size: 1, shown: 0, total: 0 };
  const turn = (/** @type {number} */ by) => onTurn(Math.max(0, place.offset + by * place.size));
  const text = h('p', { class: 'note', role: 'status' });
  const first = h('button', { type: 'button', on: { click: () => onTurn(0) } }, 'First');
  const last = h('button', { type: 'button', on: { click: () => onTurn(Math.floor((place.total - 1) / place.size) * place.size) } }, 'Last');
  const before = h('button', { type: 'button', on: { click: () => turn(-1) } }, 'Previous');
  const behind = h('button', { type: 'button', on: { click: () => turn(1) } }, 'Next');
  const element = h('nav', { class: 'pager', 'aria-label': 'Parts of the list' }, text, h('div', { class: 'buttons' }, first, before, behind, last));
  return {
    element,
    update(next) {
      place = next;
      const { offset, shown, total } = next;
      setText(text, shown === 0 ? '' : `${count(offset + 1)}–${count(offset + shown)} of ${count(total)}`);
      for (const button of [first, before]) button.disabled = offset === 0;
      for (const button of [behind, last]) button.disabled = offset + shown >= total;
      element.hidden = offset === 0 && shown >= total;
    },
  };
}
