import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bitTexts, bytesOf, groupOf, hexRows, placeOf, spokenOf, valueOf } from '../src/mesh/breakdown.js';
import { found, part } from '../src/mesh/pages_of_rows.js';
import { shortKey, shown } from '../src/shared/safe_text.js';

const RANGES = [
  { start: 0, end: 1, label: 'header', kind: 'header', value: 17, bits: [{ high: 7, low: 6, label: 'version', value: 0 }, { high: 5, low: 2, label: 'payload type', value: 4, name: 'ADVERT' }] },
  { start: 1, end: 6, label: 'public key', kind: 'key', value: 'aabbccddee' },
  { start: 6, end: 7, label: 'not read', kind: 'unread' },
];
const BYTES = bytesOf('11 41424344\n7f00');

test('rows of the hex view hold every byte once, cut where a range ends', () => {
  const rows = hexRows(BYTES, RANGES, 4);
  assert.deepEqual(rows.map(({ offset, text }) => [offset, text]), [[0, '·ABC'], [4, 'D··']]);
  assert.deepEqual(rows.map(({ segments }) => segments.map(({ range, bytes, isFirst }) => [range, bytes.join(''), isFirst])), [
    [[0, '11', true], [1, '414243', true]],
    [[1, '447F', false], [2, '00', true]],
  ]);
  assert.deepEqual(rows.flatMap(({ segments }) => segments.flatMap(({ bytes }) => bytes)), BYTES);
  assert.deepEqual(hexRows([], [], 16), []);
});

test('values are said with their units, and what is not there is not made up', () => {
  const range = (/** @type {string} */ kind, /** @type {unknown} */ value, bytes = 1) => ({ start: 0, end: bytes, label: 'x', kind, value });
  assert.equal(valueOf(range('time', 1758455660, 4)), '2025-09-21 11:54:20 UTC (1758455660)');
  assert.equal(valueOf(range('snr', -2.25)), '-2.25 dB');
  assert.equal(valueOf(range('degrees', 47.543968, 4)), '47.543968°');
  assert.equal(valueOf(range('codes', 0x1234, 2)), '0x1234');
  assert.equal(valueOf(range('header', 5)), '0x05');
  assert.equal(valueOf(range('number', 0, 2)), '0');
  assert.equal(valueOf(range('number', null, 2)), 'out of its bounds');
  assert.equal(valueOf(range('unread', undefined, 3)), '3 bytes that are not read');
  assert.equal(valueOf(range('text', 'a\u202eb\u0000')), 'ab\u2400');
  assert.deepEqual(bitTexts(/** @type {any} */ (RANGES[0])), ['bits 7–6: version 0', 'bits 5–2: payload type 4 (ADVERT)']);
  assert.equal(placeOf({ start: 1, end: 6, label: '', kind: '' }), '1–5');
  assert.equal(spokenOf(/** @type {any} */ (RANGES[1])), 'public key, bytes 1–5: aabbccddee');
  assert.deepEqual([groupOf('hop'), groupOf('new kind')], ['hop', 'unread']);
});

test('texts from the air are shown within bounds and in their own direction', () => {
  assert.equal(shown('<img src=x onerror=alert(1)>'), '<img src=x onerror=alert(1)>');
  assert.equal(shown('\u202eevil\u2066'), 'evil');
  assert.equal(shown('a\u0000b\tc\nd\u009b'), 'a\u2400b c d\ufffd');
  assert.equal([...shown('x'.repeat(1 << 20))].length, 121);
  assert.equal(shown('🛰'.repeat(200), 3), '🛰🛰🛰…', 'never half a character');
  assert.equal(shown(`e${'\u0301'.repeat(50)}`), `e${'\u0301'.repeat(4)}`);
  assert.equal(shown(null), '');
  assert.deepEqual([shortKey('abcdef0123456789'), shortKey('api'), shortKey(null)], ['abcdef01…', 'api', '']);
});

test('lists are searched by words and shown in parts', () => {
  const rows = ['Alpha One', 'Beta one', 'Gamma'];
  const text = (/** @type {string} */ row) => row;
  assert.deepEqual(found(rows, ' ONE a', text), ['Alpha One', 'Beta one']);
  assert.deepEqual(found(rows, 'one alpha', text), ['Alpha One']);
  assert.deepEqual(found(rows, '', text), rows);
  assert.deepEqual(part(rows, 1, 2), { rows: ['Gamma'], page: 1, last: 1, from: 3, to: 3 });
  assert.deepEqual(part(rows, 9, 2).page, 1);
  assert.deepEqual(part([], 3, 2), { rows: [], page: 0, last: 0, from: 0, to: 0 });
});
