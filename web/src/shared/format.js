// How figures and times are written. Pure. What is not known is an em dash, never 0.

export const UNKNOWN = '—';
const MIB = 1_048_576;

const grouped = new Intl.NumberFormat('en-US');
const decimals = [0, 1, 2, 3].map((digits) => new Intl.NumberFormat('en-US', {
  minimumFractionDigits: digits, maximumFractionDigits: digits,
}));

/** @param {unknown} value @returns {value is number} */
export function isNumber(value) {
  return typeof value === 'number' && Number.isFinite(value);
}

/** `12,345`. @param {number | null | undefined} value */
export function count(value) {
  return isNumber(value) ? grouped.format(Math.round(value)) : UNKNOWN;
}

/** With that many decimals, grouped. @param {number | null | undefined} value @param {number} digits */
export function fixed(value, digits) {
  return isNumber(value) ? (decimals[digits] ?? grouped).format(value) : UNKNOWN;
}

/** Bytes a second (contract §7.1): MB/s and KB/s with one decimal, else whole B/s.
 * @param {number | null | undefined} value */
export function byteRate(value) {
  if (!isNumber(value)) return UNKNOWN;
  if (value >= MIB) return `${fixed(value / MIB, 1)} MB/s`;
  if (value >= 1024) return `${fixed(value / 1024, 1)} KB/s`;
  return `${Math.round(value)} B/s`;
}

/** `4.2 MB`. @param {number | null | undefined} value bytes */
export function bytes(value) {
  if (!isNumber(value)) return UNKNOWN;
  if (value >= 1024 * MIB) return `${fixed(value / (1024 * MIB), 1)} GB`;
  if (value >= MIB) return `${fixed(value / MIB, 1)} MB`;
  if (value >= 1024) return `${fixed(value / 1024, 1)} KB`;
  return `${Math.round(value)} B`;
}

/** `4.2 MB` from MiB. @param {number | null | undefined} value */
export function megabytes(value) {
  return isNumber(value) ? bytes(value * MIB) : UNKNOWN;
}

/** `2.4 ms`; seconds from 10 s on. @param {number | null | undefined} value */
export function milliseconds(value) {
  if (!isNumber(value)) return UNKNOWN;
  if (value >= 10_000) return `${fixed(value / 1000, 1)} s`;
  return `${fixed(value, value < 100 ? 1 : 0)} ms`;
}

/** `91.5 %` from a share of 1. @param {number | null | undefined} share @param {number} [digits] */
export function percent(share, digits = 1) {
  return isNumber(share) ? `${fixed(share * 100, digits)} %` : UNKNOWN;
}

/** Events a second, two decimals. @param {number | null | undefined} value */
export function perSecond(value) {
  return isNumber(value) ? `${fixed(value, 2)}/s` : UNKNOWN;
}

/** `3 s`, `4 min 10 s`, `2 h 5 min`, `3 d 4 h`. @param {number | null | undefined} seconds */
export function duration(seconds) {
  if (!isNumber(seconds)) return UNKNOWN;
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return pair(Math.floor(whole / 60), 'min', whole % 60, 's');
  if (whole < 86_400) return pair(Math.floor(whole / 3600), 'h', Math.floor(whole % 3600 / 60), 'min');
  return pair(Math.floor(whole / 86_400), 'd', Math.floor(whole % 86_400 / 3600), 'h');
}

/** @param {number} large @param {string} unit @param {number} small @param {string} smallUnit */
function pair(large, unit, small, smallUnit) {
  return small === 0 ? `${large} ${unit}` : `${large} ${unit} ${small} ${smallUnit}`;
}

/** `5 s ago`. @param {number | null | undefined} ms Unix ms @param {number} nowMs */
export function ago(ms, nowMs) {
  if (!isNumber(ms)) return UNKNOWN;
  const seconds = (nowMs - ms) / 1000;
  return seconds < 1 ? 'just now' : `${duration(seconds)} ago`;
}

const UTC_TEXT = /^(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}:\d{2})(\.\d+)?(Z|[+-]\d{2}:?\d{2})?$/;

/**
 * Reads a time of the API: RFC 3339, or `YYYY-MM-DD HH:MM:SS`, which is UTC too (browsers would
 * take it as local: contract §7.2, defect b). `null` if it cannot be read.
 * @param {string | null | undefined} text
 * @returns {number | null} Unix milliseconds
 */
export function parseUtc(text) {
  const parts = UTC_TEXT.exec((text ?? '').trim());
  if (!parts) return null;
  const ms = Date.parse(`${parts[1]}T${parts[2]}${parts[3] ?? ''}${parts[4] ?? 'Z'}`);
  return Number.isNaN(ms) ? null : ms;
}

/** Local time of day, `14:05:09`. @param {number | null | undefined} ms */
export function clockTime(ms) {
  return isNumber(ms) ? clock.format(ms) : UNKNOWN;
}

/** Local date and time, `2026-11-23 14:05:09`. @param {number | null | undefined} ms */
export function dateTime(ms) {
  if (!isNumber(ms)) return UNKNOWN;
  const at = new Date(ms);
  const two = (/** @type {number} */ value) => String(value).padStart(2, '0');
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${clockTime(ms)}`;
}

/** What a tooltip says of a time: UTC. @param {number | null | undefined} ms */
export function utcTime(ms) {
  return isNumber(ms) ? new Date(ms).toISOString().replace('T', ' ').replace(/\.\d+Z$/, ' UTC') : '';
}

const clock = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit', minute: '2-digit', second: '2-digit',
});

/** `1 row`, `2 rows`. @param {number | null | undefined} value @param {string} one @param {string} [many] */
export function plural(value, one, many = `${one}s`) {
  return `${count(value)} ${value === 1 ? one : many}`;
}
