// The warm-up banner, on every page: asks healthz while something is going on, is silent when all
// is steady, and wakes when anything changes.

import { ApiError, get, onAnswer } from '../shared/api.js';
import { h, reconcile, setAttribute, setText } from '../shared/dom.js';
import { isSteady, linesOf, loadStateOf, nextStaleMs } from './rules.js';

/** @typedef {import('./rules.js').Healthz} Healthz @typedef {import('./rules.js').Line} Line */

const EVERY_MS = 30_000;
/** While something moves, or the server is gone. */
const SOON_MS = 5_000;
const CLOCK_MS = 15_000;

/** Set by [`startBanner`]. */
let waker = () => {};

/** Says that something may have changed: the banner asks. */
export const wakeBanner = () => waker();

/** Puts the banner before everything else in the page. */
export function startBanner() {
  const list = h('ul', { class: 'warmup-banner__list' });
  const element = h('div', {
    id: 'warmup-banner', role: 'status', 'aria-live': 'polite', 'aria-atomic': 'true',
    class: 'warmup-banner warmup-banner--hidden',
  }, h('div', {}, list));
  document.body.prepend(element);

  /** @type {Healthz | null} */
  let healthz = null;
  /** @type {string | null} */
  let loadStatus = null;
  /** @type {number | null} */
  let deadSinceMs = null;
  /** @type {Set<string>} */
  const dismissed = new Set();
  let isAsking = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  const known = () => ({ healthz, loadStatus, dismissed, deadSinceMs, nowMs: Date.now() });

  const draw = () => {
    const lines = linesOf(known());
    reconcile(list, lines, { key: ({ key }) => key, make: () => makeLine(dismiss), update: showLine });
    element.classList.toggle('warmup-banner--hidden', lines.length === 0);
  };
  /** @param {string} key */
  const dismiss = (key) => {
    dismissed.add(key);
    draw();
  };

  const ask = async () => {
    clearTimeout(timer);
    if (isAsking || document.hidden) return;
    isAsking = true;
    try {
      const limit = AbortSignal.timeout(SOON_MS);
      healthz = /** @type {Healthz} */ (await get('/api/healthz', { signal: limit }));
      deadSinceMs = null;
    } catch (error) {
      // The body of a 503 says what is going on (defect a); no body at all says that nobody is there.
      const body = error instanceof ApiError && error.status === 503 ? error.body : null;
      if (body && typeof body === 'object') [healthz, deadSinceMs] = [/** @type {Healthz} */ (body), null];
      else deadSinceMs ??= Date.now();
    } finally {
      isAsking = false;
    }
    draw();
    plan();
  };

  const plan = () => {
    clearTimeout(timer);
    const isMoving = deadSinceMs !== null || healthz?.ready === false || (healthz?.pending_warmup_tasks?.length ?? 0) > 0;
    if (isMoving) timer = setTimeout(ask, SOON_MS);
    else if (!isSteady(known())) timer = setTimeout(ask, EVERY_MS);
    else {
      const at = nextStaleMs(healthz);
      if (at !== null) timer = setTimeout(ask, Math.max(EVERY_MS, at - Date.now()));
    }
  };

  waker = ask;
  onAnswer(({ path, status, load }) => {
    const isNews = load !== null && loadStateOf(load) !== loadStateOf(loadStatus);
    if (load !== null) loadStatus = load;
    if (path === '/api/healthz') return;
    if (isNews) draw();
    const isBack = status !== 0 && deadSinceMs !== null;
    if (isNews || isBack || ((status === 0 || status === 503) && deadSinceMs === null)) ask();
  });
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) clearTimeout(timer);
    else ask();
  });
  addEventListener('online', ask);
  // Lines expire by the clock, whether or not anybody is asked.
  setInterval(() => {
    if (!document.hidden && list.childElementCount > 0) draw();
  }, CLOCK_MS);
  ask();
}

/** @param {(key: string) => void} dismiss */
function makeLine(dismiss) {
  const line = h('li', { class: 'warmup-banner__item' },
    h('span'),
    h('progress', { max: '1', hidden: true }),
    // Not read aloud each time that it moves; the bar says it to who asks.
    h('span', { 'aria-hidden': 'true' }),
    h('button', {
      type: 'button', class: 'warmup-banner__dismiss quiet', hidden: true,
      on: { click: () => dismiss(line.dataset.key ?? '') },
    }, '×'));
  return line;
}

/** @param {Element} element @param {Line} line */
function showLine(element, line) {
  const [text, bar, figures, button] = /** @type {[HTMLElement, HTMLProgressElement, HTMLElement, HTMLElement]} */ (
    /** @type {unknown} */ ([...element.children]));
  setAttribute(element, 'data-key', line.key);
  setAttribute(element, 'data-tone', line.isFailure ? 'bad' : null);
  setText(text, line.text);
  bar.hidden = !line.progress;
  if (line.progress) {
    if (line.progress.share === null) bar.removeAttribute('value');
    else bar.value = line.progress.share;
    setAttribute(bar, 'aria-label', `${line.text}: ${line.progress.text}`);
  }
  setText(figures, line.progress?.text ?? '');
  button.hidden = !line.dismissLabel;
  setAttribute(button, 'aria-label', line.dismissLabel);
}
