// Texts from the air: anybody may call a node anything. They are only ever set as text; this keeps
// them from breaking the layout or turning the text around them.

const SHOWN_MAX = 120;
/** More marks on one letter than any language needs. */
const MARKS_MAX = 4;
const CONTROLS = /[\u0000-\u001f\u007f-\u009f]/gu;
/** Marks that change the direction of what follows, and characters that are not seen. */
const UNSEEN = /[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\u{e0000}-\u{e007f}]/gu;
const PILED = new RegExp(`(\\p{M}{${MARKS_MAX}})\\p{M}+`, 'gu');

/**
 * The text as it may be shown: control characters as their pictures, no marks of direction, no
 * piles of accents, cut to `max` characters.
 * @param {unknown} text @param {number} [max]
 */
export function shown(text, max = SHOWN_MAX) {
  // Cut first: what is looked at is bounded, however long the text is.
  const start = String(text ?? '').slice(0, max * 8);
  const clean = start.replace(CONTROLS, picture).replace(UNSEEN, '').replace(PILED, '$1').trim();
  const letters = [...clean];
  const isCut = letters.length > max || start.length < String(text ?? '').length;
  return isCut ? `${letters.slice(0, max).join('')}…` : clean;
}

/** @param {string} control */
function picture(control) {
  const code = control.charCodeAt(0);
  if (code === 0x09 || code === 0x0a || code === 0x0d) return ' ';
  if (code === 0x7f) return '\u2421';
  return code < 0x20 ? String.fromCharCode(0x2400 + code) : '\ufffd';
}

/** The first eight digits of a key, or the whole text if it is short. @param {string | null | undefined} key */
export function shortKey(key) {
  const text = shown(key, 80);
  return text.length > 12 ? `${text.slice(0, 8)}…` : text;
}
