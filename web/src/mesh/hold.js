// Whether somebody is in the list: then nothing may move from under the pointer or the focus.

/**
 * @param {HTMLElement} list
 * @param {{ pointerMs: number, onFree: () => void }} how a pointer that rests holds no longer than that
 * @returns {{ isHeld: () => boolean, stop: () => void }}
 */
export function holdOf(list, { pointerMs, onFree }) {
  let untilMs = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const hasFocus = () => list.contains(document.activeElement);
  const isHeld = () => hasFocus() || performance.now() < untilMs;
  const free = () => {
    clearTimeout(timer);
    untilMs = 0;
    if (!hasFocus()) onFree();
  };
  list.addEventListener('pointermove', (event) => {
    if (event.pointerType !== 'mouse') return;
    untilMs = performance.now() + pointerMs;
    clearTimeout(timer);
    timer = setTimeout(free, pointerMs);
  });
  list.addEventListener('pointerleave', free);
  // The focus is elsewhere only after this event.
  list.addEventListener('focusout', () => setTimeout(() => { if (!isHeld()) onFree(); }));
  return { isHeld, stop: () => clearTimeout(timer) };
}
