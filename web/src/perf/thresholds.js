// The contract's thresholds (§7.1), exact at their edges. Pure. What is not a number has no tone.

import { isNumber } from '../shared/format.js';

/** @typedef {'good' | 'warn' | 'bad' | null} Tone */

export const MIB = 1_048_576;

/** @param {number | null | undefined} value @param {number} warn @param {number} bad @returns {Tone} */
function above(value, warn, bad) {
  if (!isNumber(value)) return null;
  if (value > bad) return 'bad';
  return value > warn ? 'warn' : 'good';
}

/** Event loop, 95th percentile in ms: red over 500, yellow over 100. @param {number | null | undefined} ms */
export const loopTone = (ms) => above(ms, 100, 500);

/** Heap in use of heap obtained: red over 0.85, yellow over 0.70.
 * @param {number | null | undefined} used @param {number | null | undefined} total @returns {Tone} */
export function heapTone(used, total) {
  return isNumber(used) && isNumber(total) && total > 0 ? above(used / total, 0.7, 0.85) : null;
}

/** Bytes a second written: marked over 10 MiB. @param {number | null | undefined} rate @returns {Tone} */
export const writeTone = (rate) => (isNumber(rate) && rate > 10 * MIB ? 'bad' : null);

/** Bytes a second written in vain: marked over 1 MiB. @param {number | null | undefined} rate @returns {Tone} */
export const cancelledTone = (rate) => (isNumber(rate) && rate > MIB ? 'bad' : null);

/** Size of the WAL file in MiB: marked over 100; red over 50 and yellow over 10 before that.
 * @param {number | null | undefined} mib */
export const walTone = (mib) => above(mib, 10, 50);

/** Whether the WAL is marked as too long: exactly 100 MB is not. @param {number | null | undefined} mib */
export const isWalLong = (mib) => isNumber(mib) && mib > 100;

/** Free pages in MiB: yellow over 10. @param {number | null | undefined} mib @returns {Tone} */
export const freelistTone = (mib) => above(mib, 10, Infinity);

/** Share of SQLite's page look-ups that were hits: marked between 0 and 90 %, both excluded.
 * @param {number | null | undefined} share @returns {Tone} */
export const pageHitTone = (share) => (isNumber(share) && share > 0 && share < 0.9 ? 'warn' : null);

/** Hit rate of kept answers in percent: green over 50, yellow over 20, else red.
 * @param {number | null | undefined} hitRate @returns {Tone} */
export function cacheTone(hitRate) {
  if (!isNumber(hitRate)) return null;
  if (hitRate > 50) return 'good';
  return hitRate > 20 ? 'warn' : 'bad';
}

/** A route by its 95th percentile: slow over 200 ms, worth a look over 50.
 * @param {number | null | undefined} p95Ms @returns {Tone} */
export function routeTone(p95Ms) {
  const tone = above(p95Ms, 50, 200);
  return tone === 'good' ? null : tone;
}

/** A path that this page asked: slow if one took over 500 ms, worth a look if the mean is over 200.
 * @param {number} maxMs @param {number} avgMs @returns {Tone} */
export function callTone(maxMs, avgMs) {
  if (maxMs > 500) return 'bad';
  return avgMs > 200 ? 'warn' : null;
}
