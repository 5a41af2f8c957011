// What the line beside "Packets" says of the live feed, gaps included. Pure.

import { count, plural } from '../shared/format.js';
import { clockUtc } from './short_text.js';

/**
 * @typedef {{
 *   isOnLivePage: boolean, isPaused: boolean, isHeld: boolean, missed: number, dropped: number,
 *   feed: import('../shared/feed.js').FeedState, gap: { fromMs: number, toMs: number | null } | null,
 *   everyS: number,
 * }} LiveState
 */

/**
 * @param {LiveState} state @param {number} nowMs
 * @returns {{ kind: 'open' | 'lost' | 'paused' | 'connecting', text: string }}
 */
export function liveText({ isOnLivePage, isPaused, isHeld, missed, dropped, feed, gap, everyS }, nowMs) {
  if (!isOnLivePage) return { kind: 'paused', text: 'Live on the first page, newest first' };
  const since = missed === 0 ? '' : `, ${plural(missed, 'reception')} since`;
  if (isPaused) return { kind: 'paused', text: `Paused${since}` };
  if (feed === 'lost' || feed === 'hidden') {
    const from = gap === null ? '' : ` since ${clockUtc(gap.fromMs, nowMs)} UTC`;
    return { kind: 'lost', text: `No live feed${from}: asking every ${everyS} s` };
  }
  if (feed === 'connecting') return { kind: 'connecting', text: 'Connecting…' };
  if (isHeld) return { kind: 'paused', text: `Held while you are in the list${since}` };
  const notes = [
    ...(gap?.toMs ? [`gap ${clockUtc(gap.fromMs, nowMs)}–${clockUtc(gap.toMs, nowMs)} UTC asked for`] : []),
    ...(dropped > 0 ? [`${count(dropped)} skipped by the feed, asked for`] : []),
  ];
  return { kind: 'open', text: ['Live', ...notes].join(' · ') };
}
