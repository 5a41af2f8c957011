// Figures with a name, kept and refreshed in place.

import { h, setAttribute, setText } from './dom.js';
import { UNKNOWN } from './format.js';

/**
 * One figure: what is not known shows a dash and says why in `hint`.
 * @typedef {{ label: string, text: string, hint?: string | null, tone?: string | null, title?: string | null }} Figure
 */

/**
 * @returns {{ element: HTMLElement, update: (figures: Figure[]) => void }}
 */
export function makeFigures() {
  const element = h('dl', { class: 'figures' });
  /** @type {Map<string, { box: HTMLElement, value: Text, place: HTMLElement, hint: HTMLElement }>} */
  const known = new Map();
  return {
    element,
    update(figures) {
      for (const figure of figures) {
        let parts = known.get(figure.label);
        if (!parts) {
          const value = new Text();
          const hint = h('div', { class: 'figure__hint' });
          const place = h('dd', {}, value, hint);
          const box = h('div', { class: 'figure' }, h('dt', {}, figure.label), place);
          parts = { box, value, place, hint };
          known.set(figure.label, parts);
          element.append(box);
        }
        setText(parts.value, figure.text);
        setText(parts.hint, figure.hint ?? '');
        setAttribute(parts.place, 'data-tone', figure.tone);
        setAttribute(parts.place, 'data-unknown', figure.text === UNKNOWN);
        setAttribute(parts.box, 'title', figure.title);
      }
      const labels = new Set(figures.map(({ label }) => label));
      for (const [label, { box }] of known) box.hidden = !labels.has(label);
    },
  };
}

/**
 * A section with a heading and an optional line of explanation.
 * @param {string} id
 * @param {string} title
 * @param {...(Node | string)} content
 */
export function card(id, title, ...content) {
  const note = h('p', { class: 'note', hidden: true });
  const heading = h('h2', { id }, title);
  const head = h('div', { class: 'card__head' }, heading);
  const element = h('section', { class: 'card', 'aria-labelledby': id }, head, note, ...content);
  return {
    element,
    head,
    /** @param {string | null} text @param {string | null} [tone] */
    setNote(text, tone = null) {
      note.hidden = text === null || text === '';
      setText(note, text ?? '');
      setAttribute(note, 'data-tone', tone);
    },
  };
}
