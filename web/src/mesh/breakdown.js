// The bytes of a packet as the hex view shows them, from the server's ranges. Pure.

import { fixed, isNumber, utcTime } from '../shared/format.js';
import { shown } from '../shared/safe_text.js';

/**
 * As `POST /api/decode` answers with `breakdown`.
 * @typedef {{ high: number, low: number, label: string, value: number, name?: string }} Bits
 * @typedef {{ start: number, end: number, label: string, kind: string, value?: unknown, bits?: Bits[] }} Range
 * @typedef {{ range: number, bytes: string[], isFirst: boolean }} Segment
 * @typedef {{ offset: number, segments: Segment[], text: string }} HexRow
 */

/** Which of the colours a kind has. @type {Record<string, string>} */
const GROUPS = {
  header: 'frame', path: 'frame', codes: 'frame', hop: 'hop', snr: 'hop', key: 'id', hash: 'id', time: 'time',
  signature: 'proof', mac: 'proof', flags: 'field', degrees: 'field', number: 'field', text: 'text',
  sealed: 'sealed', opaque: 'sealed',
};
const VALUE_CHARS_MAX = 300;

/** @param {string} kind */
export const groupOf = (kind) => GROUPS[kind] ?? 'unread';

/** @param {string} hex @returns {string[]} upper-case bytes */
export function bytesOf(hex) {
  return hex.replace(/\s+/g, '').toUpperCase().match(/../g) ?? [];
}

/**
 * Rows of so many bytes, each cut into the ranges that it shows.
 * @param {string[]} bytes @param {Range[]} ranges in order, without gap @param {number} perRow
 * @returns {HexRow[]}
 */
export function hexRows(bytes, ranges, perRow) {
  /** @type {HexRow[]} */
  const rows = [];
  for (let offset = 0; offset < bytes.length; offset += perRow) {
    const end = Math.min(offset + perRow, bytes.length);
    const segments = ranges.flatMap((range, index) => {
      const [from, to] = [Math.max(range.start, offset), Math.min(range.end, end)];
      return from < to ? [{ range: index, bytes: bytes.slice(from, to), isFirst: from === range.start }] : [];
    });
    rows.push({ offset, segments, text: bytes.slice(offset, end).map(letter).join('') });
  }
  return rows;
}

/** @param {string} byte */
function letter(byte) {
  const code = Number.parseInt(byte, 16);
  return code >= 0x20 && code < 0x7f ? String.fromCharCode(code) : '·';
}

/** `103–106`, or `5`. @param {Range} range */
export function placeOf({ start, end }) {
  return end - start === 1 ? String(start) : `${start}–${end - 1}`;
}

/** What a range says, for people. @param {Range} range @returns {string} */
export function valueOf({ kind, value, start, end }) {
  const bytes = end - start;
  if (kind === 'unread') return bytes === 1 ? '1 byte that is not read' : `${bytes} bytes that are not read`;
  if (value === null || value === undefined) return 'out of its bounds';
  if (kind === 'time' && isNumber(value)) return `${utcTime(value * 1000)} (${value})`;
  if (kind === 'snr' && isNumber(value)) return `${fixed(value, 2)} dB`;
  if (kind === 'degrees' && isNumber(value)) return `${value.toFixed(6)}°`;
  if (['codes', 'header', 'path', 'flags'].includes(kind) && isNumber(value)) return `0x${hexOf(value, bytes)}`;
  return shown(value, VALUE_CHARS_MAX);
}

/** What the bits of a byte say. @param {Range} range @returns {string[]} */
export function bitTexts({ bits = [] }) {
  return bits.map(({ high, low, label, value, name }) => {
    const place = high === low ? `bit ${high}` : `bits ${high}–${low}`;
    return `${place}: ${label} ${value}${name ? ` (${name})` : ''}`;
  });
}

/** Read aloud for a range. @param {Range} range */
export function spokenOf(range) {
  const many = range.end - range.start === 1 ? 'byte' : 'bytes';
  return `${range.label}, ${many} ${placeOf(range)}: ${valueOf(range)}`;
}

/** @param {number} value @param {number} bytes */
function hexOf(value, bytes) {
  return value.toString(16).toUpperCase().padStart(bytes * 2, '0');
}
