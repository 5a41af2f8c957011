// Times and kinds as short as a row of a list needs them. Pure.

import { isNumber, UNKNOWN } from '../shared/format.js';

const UNITS = /** @type {[number, string][]} */ ([[86_400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']]);

/** One unit, rounded down: `5 s ago`, `2 h ago`. @param {number | null | undefined} ms @param {number} nowMs */
export function shortAgo(ms, nowMs) {
  if (!isNumber(ms)) return UNKNOWN;
  const seconds = Math.floor((nowMs - ms) / 1000);
  const unit = UNITS.find(([size]) => seconds >= size);
  return unit ? `${Math.floor(seconds / unit[0])} ${unit[1]} ago` : 'now';
}

/**
 * The time of day in UTC, with the date if that is another one than today's:
 * `14:05:09`, `11-22 14:05`, `2025-11-22`.
 * @param {number | null | undefined} ms @param {number} nowMs
 */
export function clockUtc(ms, nowMs) {
  if (!isNumber(ms)) return '';
  const [text, now] = [new Date(ms).toISOString(), new Date(nowMs).toISOString()];
  if (text.slice(0, 10) === now.slice(0, 10)) return text.slice(11, 19);
  return text.slice(0, 4) === now.slice(0, 4) ? `${text.slice(5, 10)} ${text.slice(11, 16)}` : text.slice(0, 10);
}

/** What types have in common, by number; each has a colour. */
const FAMILIES = [
  'direct', 'direct', 'direct', 'proof', 'advert', 'group', 'group', 'direct', 'proof', 'trace', 'proof', 'trace',
];

/** @param {number | null | undefined} type */
export const familyOf = (type) => FAMILIES[type ?? -1] ?? 'other';

/** `2 hops`, `1 hop`, `direct`. @param {number} hops */
export const hopsText = (hops) => (hops === 0 ? 'direct' : `${hops} ${hops === 1 ? 'hop' : 'hops'}`);
