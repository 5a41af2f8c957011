// Times as all lists show them: how long ago, and the time itself (UTC) as the tooltip.

import { ago, isNumber } from './format.js';

/** @param {number | null | undefined} ms @param {number} [nowMs] */
export const agoText = (ms, nowMs = Date.now()) => ago(isNumber(ms) ? Math.min(ms, nowMs) : null, nowMs);

/** ISO 8601 in UTC, for tooltips. @param {number | null | undefined} ms @returns {string | null} */
export const isoTitle = (ms) => (isNumber(ms) ? new Date(ms).toISOString() : null);

