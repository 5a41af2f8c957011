// One node or observer: its figures, what it is called, and what to see of it elsewhere.

import { ApiError } from '../shared/api.js';
import { h, setText } from '../shared/dom.js';
import { makeFigures } from '../shared/figures.js';
import { freshnessLine } from '../shared/freshness.js';
import { startPoll } from '../shared/poll.js';

/**
 * @template B
 * @param {HTMLElement} root
 * @param {{
 *   back: { href: string, text: string },
 *   everyMs: number,
 *   ask: (signal: AbortSignal) => Promise<B>,
 *   draw: (body: B, parts: { title: HTMLElement, key: HTMLElement, links: HTMLElement, figures: ReturnType<typeof makeFigures> }) => void,
 *   missing: string,
 *   below?: HTMLElement[],
 * }} how
 */
export function mountEntity(root, { back, everyMs, ask, draw, missing, below = [] }) {
  const age = freshnessLine();
  const title = h('h1', { class: 'told' }, '…');
  const key = h('p', { class: 'mono note told' });
  const links = h('p', { class: 'links' });
  const figures = makeFigures();
  const note = h('p', { class: 'note', role: 'status' }, 'Asking the server…');
  const content = h('div', { class: 'stack', hidden: true }, key, h('section', { class: 'card', 'aria-label': 'Figures' }, figures.element, links), ...below);
  root.append(h('div', { class: 'head' }, title, age.element, h('div', { class: 'buttons' }, h('a', { href: back.href }, back.text))), note, content);
  const show = (/** @type {string | null} */ text) => {
    note.hidden = text === null;
    content.hidden = text !== null;
    setText(note, text ?? '');
  };
  const poll = startPoll({
    everyMs,
    async task(signal) {
      try {
        const body = await ask(signal);
        draw(body, { title, key, links, figures });
        show(null);
      } catch (error) {
        const isKnown = error instanceof ApiError && (error.status === 404 || error.status === 409);
        if (!isKnown) throw error;
        setText(title, 'Not found');
        show(error.status === 409 ? `${error.message}.` : missing);
      }
    },
    onState(state) {
      age.show(state);
      if (state.error !== null && content.hidden) setText(note, `Cannot be read now: ${state.error}. Trying again.`);
    },
  });
  return () => {
    poll.stop();
    age.stop();
  };
}
