// The live feed (contract §5): one WebSocket, opened again 3 s after it closed, later and later
// while that fails, none while the tab is hidden.

/**
 * @typedef {{ type: string, data: any }} FeedMessage
 * @typedef {'connecting' | 'open' | 'lost' | 'hidden'} FeedState
 */

const RECONNECT_MS = 3000;
const RECONNECT_MAX_MS = 24_000;

/**
 * @param {{ onMessage: (message: FeedMessage) => void, onState: (state: FeedState) => void }} told
 *   after `hidden` and `lost` comes `open` again: what was missed in between is to be asked for
 * @returns {() => void} closes it for good
 */
export function listen({ onMessage, onState }) {
  /** @type {WebSocket | null} */
  let socket = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let isEnded = false;
  let waitMs = RECONNECT_MS;

  const open = () => {
    clearTimeout(timer);
    if (isEnded || socket || document.hidden) return;
    onState('connecting');
    const mine = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`);
    socket = mine;
    mine.onopen = () => {
      waitMs = RECONNECT_MS;
      onState('open');
    };
    mine.onmessage = (event) => {
      const message = parse(event.data);
      if (message && socket === mine) onMessage(message);
    };
    mine.onclose = () => {
      if (socket !== mine) return;
      socket = null;
      if (isEnded) return;
      onState('lost');
      timer = setTimeout(open, waitMs);
      waitMs = Math.min(waitMs * 2, RECONNECT_MAX_MS);
    };
  };
  const close = () => {
    clearTimeout(timer);
    const old = socket;
    socket = null;
    old?.close();
  };
  const onVisibility = () => {
    if (!document.hidden) return open();
    close();
    return onState('hidden');
  };
  document.addEventListener('visibilitychange', onVisibility);
  open();
  return () => {
    isEnded = true;
    document.removeEventListener('visibilitychange', onVisibility);
    close();
  };
}

/** @param {unknown} text @returns {FeedMessage | null} */
function parse(text) {
  try {
    const message = JSON.parse(String(text));
    return typeof message?.type === 'string' ? message : null;
  } catch {
    return null;
  }
}
