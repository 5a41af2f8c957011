// Asks again and again, but never while the tab is hidden, and never twice at once.

/**
 * @typedef {{ lastOkMs: number | null, error: string | null, failedSinceMs: number | null }} PollState
 * @typedef {{
 *   everyMs: number,
 *   limitMs?: number,
 *   task: (signal: AbortSignal) => Promise<void>,
 *   onState?: (state: PollState) => void,
 *   page?: Pick<Document, 'hidden' | 'addEventListener' | 'removeEventListener'>,
 *   now?: () => number,
 * }} PollOptions
 * @typedef {{ refresh: () => void, stop: () => void, state: () => PollState }} Poll
 */

/**
 * Runs `task` at once and then every `everyMs` after it has ended. A task that has no end within
 * one interval (or `limitMs`) is aborted and counts as failed: a server that hangs is seen as fast as one that is
 * gone. When the tab becomes visible again, the task runs at once.
 * @param {PollOptions} options
 * @returns {Poll}
 */
export function startPoll({ everyMs, limitMs = everyMs, task, onState, page = document, now = Date.now }) {
  /** @type {PollState} */
  let state = { lastOkMs: null, error: null, failedSinceMs: null };
  /** @type {AbortController | null} */
  let running = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let isStopped = false;

  const run = async () => {
    clearTimeout(timer);
    if (isStopped || page.hidden || running) return;
    const controller = new AbortController();
    running = controller;
    const limit = setTimeout(() => controller.abort(new Error('the server does not answer in time')), limitMs);
    try {
      await task(controller.signal);
      state = { lastOkMs: now(), error: null, failedSinceMs: null };
    } catch (error) {
      state = { ...state, error: textOf(error), failedSinceMs: state.failedSinceMs ?? now() };
    } finally {
      clearTimeout(limit);
      running = null;
    }
    if (isStopped) return;
    onState?.(state);
    timer = setTimeout(run, everyMs);
  };

  const onVisibility = () => {
    if (page.hidden) clearTimeout(timer);
    else run();
  };
  page.addEventListener('visibilitychange', onVisibility);
  run();
  return {
    refresh: run,
    stop() {
      isStopped = true;
      clearTimeout(timer);
      running?.abort(new DOMException('the page was left', 'AbortError'));
      page.removeEventListener('visibilitychange', onVisibility);
    },
    state: () => state,
  };
}

/** @param {unknown} error */
export function textOf(error) {
  return error instanceof Error ? error.message : String(error);
}
