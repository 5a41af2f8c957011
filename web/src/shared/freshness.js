// The line that says how old what is shown is, and the last error.

import { h, setAttribute, setText } from './dom.js';
import { clockTime, duration } from './format.js';

/** @typedef {import('./poll.js').PollState} PollState */

/**
 * In words: the age of the data, and since when there is no answer.
 * @param {PollState} state
 * @param {number} nowMs
 * @returns {{ kind: 'waiting' | 'fresh' | 'failed', text: string }}
 */
export function freshnessOf({ lastOkMs, error, failedSinceMs }, nowMs) {
  const age = lastOkMs === null ? null : Math.max(0, (nowMs - lastOkMs) / 1000);
  if (error !== null) {
    const since = `No answer since ${clockTime(failedSinceMs ?? nowMs)}: ${error}.`;
    const shown = age === null ? 'Nothing to show yet.' : `What is shown is ${duration(age)} old.`;
    return { kind: 'failed', text: `${since} ${shown} Trying again.` };
  }
  if (age === null) return { kind: 'waiting', text: 'Asking the server…' };
  return { kind: 'fresh', text: age < 1.5 ? 'Updated just now' : `Updated ${duration(age)} ago` };
}

/**
 * A line that grows older by itself. Changes between good and bad are read aloud, ages are not.
 * @returns {{ element: HTMLElement, show: (state: PollState) => void, stop: () => void }}
 */
export function freshnessLine() {
  const text = h('span', { class: 'freshness__text' });
  const spoken = h('span', { class: 'spoken', role: 'status' });
  const element = h('p', { class: 'freshness', 'data-kind': 'waiting' }, text, spoken);
  /** @type {PollState} */
  let state = { lastOkMs: null, error: null, failedSinceMs: null };
  const draw = () => {
    if (document.hidden) return;
    const line = freshnessOf(state, Date.now());
    setText(text, line.text);
    setAttribute(element, 'data-kind', line.kind);
    if (line.kind !== 'waiting') setText(spoken, line.kind === 'failed' ? 'No answer from the server' : '');
  };
  draw();
  const timer = setInterval(draw, 1000);
  return {
    element,
    show(next) {
      state = next;
      draw();
    },
    stop: () => clearInterval(timer),
  };
}
