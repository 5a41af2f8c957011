// Questions to the operator. The API key is kept in this module's memory only: it is gone with the
// page, and in no storage.

import { h, setText } from '../shared/dom.js';

/** @type {string | null} */
let key = null;

/** @returns {boolean} */
export const hasKey = () => key !== null;

/** Forgets the key: after a refusal, or when told to. */
export function forgetKey() {
  key = null;
}

/**
 * The key, asked for where it is not known; `null` if the operator would rather not.
 * @param {string} [why] what was wrong with the last one
 * @returns {Promise<string | null>}
 */
export async function askKey(why = '') {
  if (key !== null) return key;
  const input = h('input', { type: 'password', name: 'key', autocomplete: 'off', required: true, spellcheck: 'false' });
  const answer = await ask('API key', 'Send', [
    h('p', { class: 'note' }, 'Commands need the key of the configuration (apiKey). It stays in this page’s memory and is gone when the page is closed.'),
    h('label', {}, 'API key', input),
    why ? h('p', { class: 'form__error', role: 'alert' }, why) : null,
  ]);
  if (answer && input.value.trim() !== '') key = input.value.trim();
  return answer ? key : null;
}

/**
 * @param {string} title @param {string} question @param {string} yes
 * @returns {Promise<boolean>}
 */
export const confirmed = (title, question, yes) => ask(title, yes, [h('p', {}, question)]);

/**
 * Shows a form and waits for its end.
 * @param {string} title @param {string} yes what the button says @param {(Node | null)[]} content
 * @returns {Promise<boolean>} whether it was sent
 */
export function ask(title, yes, content) {
  const heading = h('h2', { id: 'dialog-title' });
  setText(heading, title);
  return new Promise((resolve) => {
    const dialog = h('dialog', { 'aria-labelledby': 'dialog-title' });
    const form = h('form', {
      method: 'dialog',
      on: {
        submit(event) {
          event.preventDefault();
          dialog.close('yes');
        },
      },
    }, heading, ...content, h('div', { class: 'buttons' },
      h('button', { type: 'submit', class: 'primary' }, yes),
      h('button', { type: 'button', on: { click: () => dialog.close('') } }, 'Leave it')));
    dialog.append(form);
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue === 'yes');
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
