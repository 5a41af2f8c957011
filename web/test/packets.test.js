import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askedOf, FIELDS, filtersOf, inputTime, isLive, passes, queryOf, timeOf } from '../src/mesh/filters.js';
import { liveText } from '../src/mesh/live_text.js';
import { hopsOf, summaryOf, typeName, visibleJson } from '../src/mesh/names.js';
import { merged, receptionsOf, rowOf } from '../src/mesh/rows.js';
import { clockUtc, familyOf, hopsText, shortAgo } from '../src/mesh/short_text.js';

const filters = (/** @type {string} */ text) => filtersOf(new URLSearchParams(text));

test('every filter survives the way into the address and back', () => {
  const text = 'type=4&route=1&observer=a%2Cb&region=PAR&area=x&node=%23n&channel=%23test&hash=ab&since=2026-01-01&until=2026-01-02T10%3A00&view=plain&order=asc&limit=200&offset=50';
  const read = filters(text);
  assert.deepEqual(Object.keys(read.fields), [...FIELDS]);
  assert.equal(queryOf(read).toString(), text);
  assert.deepEqual(filtersOf(queryOf(read)), read);
  assert.equal(queryOf(filters('')).toString(), '', 'what is usual is not said');
});

test('nonsense in the address is left out', () => {
  const read = filters('type=ADVERT&route=-1&offset=-5&limit=9999&view=x&order=asc&hash=%20%20');
  assert.deepEqual(read, { fields: {}, isGrouped: true, isAscending: false, offset: 0, size: 50 });
  assert.equal(filters('offset=1.5').offset, 0);
  assert.equal(filters(`node=${'x'.repeat(5000)}`).fields.node?.length, 2000);
});

test('the API is asked with its own names', () => {
  assert.deepEqual(askedOf(filters('')), { limit: 50, groupByHash: true });
  assert.deepEqual(askedOf(filters('view=plain&order=asc&type=0&offset=100')), { type: '0', limit: 50, offset: 100, order: 'asc' });
});

test('packets come in on the first page of the latest only', () => {
  assert.ok(isLive(filters('type=4')));
  for (const text of ['offset=50', 'view=plain&order=asc', 'until=2026-01-01']) assert.ok(!isLive(filters(text)), text);
});

test('a packet of the feed passes as the list would have it', () => {
  const packet = {
    hash: 'ab', payload_type: 5, route_type: 1, observer_id: 'o1', timestamp: '2026-01-02T00:00:00Z',
    decoded_json: '{"type":"CHAN","channel":"#test","channelHashHex":"D9"}',
  };
  const expected = /** @type {[string, boolean | null][]} */ ([
    ['', true], ['type=5', true], ['type=4', false], ['route=1', true], ['route=2', false], ['hash=AB', true],
    ['hash=cd', false], ['observer=o2%2C%20o1', true], ['observer=O1', false], ['channel=%23test', true],
    ['channel=enc_D9', true], ['channel=%23x', false], ['since=2026-01-01', true], ['since=2026-01-02', false],
    ['node=n', null], ['region=PAR', null], ['area=a', null], ['area=a&type=4', false],
  ]);
  for (const [text, wanted] of expected) assert.equal(passes(filters(text), packet), wanted, text);
  assert.equal(passes(filters('channel=%23test'), { ...packet, payload_type: 4 }), false);
});

test('times of the address are read as the API reads them: UTC', () => {
  const noon = Date.UTC(2026, 0, 2, 12);
  for (const text of ['2026-01-02T12:00', '2026-01-02T12:00Z', '2026-01-02T12:00:00Z', '2026-01-02 12:00:00', '2026-01-02T13:00:00+01:00']) {
    assert.equal(timeOf(text), noon, text);
    assert.equal(inputTime(text), '2026-01-02T12:00', text);
  }
  assert.equal(inputTime('2026-01-02'), '2026-01-02T00:00');
  assert.equal(inputTime('2026-01-02T12:00:09Z'), '2026-01-02T12:00:09');
  assert.equal(inputTime('soon'), '');
});

const packet = (/** @type {string} */ hash, more = {}) => ({
  id: hash.charCodeAt(0), hash, payload_type: 4, route_type: 1, first_seen: '2026-01-02T00:00:00Z', observation_count: 1,
  path_json: '["AA","BB"]', decoded_json: '{"type":"ADVERT","name":"Node"}', raw_hex: '1102AABB', observer_id: 'o', snr: 5, ...more,
});

test('a row says what the API says, and what it does not say is not there', () => {
  const row = rowOf(packet('a', { latest: '2026-01-02T00:00:05Z', distinct_iatas: ['PAR', 'LYS'], observation_count: 3 }));
  assert.deepEqual([row.what, row.hops, row.bytes, row.receptions, row.regions], ['Node', 2, 4, 3, ['PAR', 'LYS']]);
  assert.equal(row.latestMs, (row.firstMs ?? 0) + 5000);
  const bare = rowOf({ hash: 'b', decoded_json: '{', path_json: 'x', observer_iata: null });
  assert.deepEqual([bare.what, bare.hops, bare.snr, bare.firstMs, bare.bytes, bare.regions], ['', 0, null, null, null, []]);
});

test('packets of the feed are merged: new ones first, known ones counted, never more than there is room', () => {
  const rows = [rowOf(packet('a', { id: 2 })), rowOf(packet('b', { id: 1 }))];
  const how = { isGrouped: true, rowsMax: 3, nowMs: Date.UTC(2026, 0, 3) };
  const hashes = (/** @type {import('../src/mesh/rows.js').PacketRow[]} */ list) => list.map(({ hash }) => hash).join('');
  const three = merged(rows, packet('c', { observation_count: 0 }), how);
  assert.equal(hashes(three), 'cab');
  assert.deepEqual([three[0]?.isNew, three[0]?.receptions, three[0]?.latestMs], [true, 1, how.nowMs]);
  assert.equal(hashes(merged(three, packet('d'), how)), 'dca');
  const again = merged(three, packet('b', { observation_count: 7 }), how);
  assert.equal(hashes(again), 'bca', 'heard again comes first where the latest reception orders');
  assert.deepEqual([again[0]?.receptions, again[0]?.latestMs], [7, how.nowMs]);
  const plain = merged(three, packet('b', { observation_count: 7 }), { ...how, isGrouped: false });
  assert.equal(hashes(plain), 'cab', 'and stays where the packet does');
  assert.equal(plain[2]?.receptions, 7);
  const plainHow = { ...how, isGrouped: false, rowsMax: 2 };
  assert.equal(hashes(merged(rows, packet('e', { id: 3 }), plainHow)), 'ea', 'what came in last is first');
  assert.equal(hashes(merged(rows, packet('e', { id: 0 }), plainHow)), 'ab', 'an old one heard again is on a later page');
  assert.equal(merged(again, packet('b', { observation_count: 2 }), how)[0]?.receptions, 7, 'a late message takes nothing away');
});

test('receptions come in the order in which they were heard, with the keys of their hops', () => {
  const [first, second] = receptionsOf([
    { id: 2, timestamp: '2026-01-02T00:00:09.000Z', observer_id: 'o2', path_json: '[]' },
    { id: 1, timestamp: '2026-01-02T00:00:01.000Z', observer_id: 'o1', observer_name: 'One', path_json: '["AA","BB"]', resolved_path: [null, 'bbcc'] },
  ]);
  assert.deepEqual([first?.key, first?.observer, second?.observer], ['1', 'One', 'o2']);
  assert.deepEqual(first?.hops, [{ hop: 'AA', key: null }, { hop: 'BB', key: 'bbcc' }]);
});

test('what a packet says is said in few words, whatever stands there', () => {
  const table = /** @type {[any, string][]} */ ([
    [{ type: 'ADVERT', name: '<img src=x onerror=alert(1)>' }, '<img src=x onerror=alert(1)>'],
    [{ type: 'ADVERT', pubKey: 'ABCDEF0123456789' }, 'node ABCDEF01…'],
    [{ type: 'CHAN', channel: '#test', text: 'Al: hi' }, '#test · Al: hi'],
    [{ type: 'GRP_TXT', channelHashHex: 'D9' }, 'sealed, channel 0xD9'],
    [{ type: 'TXT_MSG', srcHash: 'aa', destHash: 'bb' }, 'aa → bb'],
    [{ type: 'ACK', extraHash: '01020304' }, 'for 01020304'],
    [{ type: 'ADVERT', error: 'too short for advert' }, 'too short for advert'],
    [null, ''], [7, ''], [{}, ''],
  ]);
  for (const [payload, wanted] of table) assert.equal(summaryOf(payload), wanted);
  assert.deepEqual([typeName(4), typeName(16), typeName(null)], ['ADVERT', '?', '?']);
  assert.deepEqual([hopsOf('["A",1]'), hopsOf('{}'), hopsOf(null)], [['A'], [], []]);
});

test('JSON hides nothing and turns nothing around', () => {
  assert.equal(visibleJson({ a: 'x\u202ey\u0000', b: [1] }), '{\n  "a": "x\\u202ey\\u0000",\n  "b": [\n    1\n  ]\n}');
  assert.equal(visibleJson('\u{e0041}é☕'), '"\\udb40\\udc41é☕"');
  assert.deepEqual(JSON.parse(visibleJson({ a: '\u202e\u{e0041}' })), { a: '\u202e\u{e0041}' }, 'and says the same');
});

test('times of rows are short: one unit, UTC, with the date where it is another', () => {
  const now = Date.UTC(2026, 10, 23, 14, 5, 9);
  const ago = (/** @type {number} */ seconds) => shortAgo(now - seconds * 1000, now);
  assert.deepEqual([0, 0.9, 1, 59, 60, 3599, 3600, 86_399, 86_400, 999_999].map(ago), [
    'now', 'now', '1 s ago', '59 s ago', '1 min ago', '59 min ago', '1 h ago', '23 h ago', '1 d ago', '11 d ago',
  ]);
  assert.equal(ago(-5), 'now', 'a clock that is ahead');
  assert.deepEqual([shortAgo(null, now), clockUtc(undefined, now)], ['—', '']);
  assert.equal(clockUtc(now - 1000, now), '14:05:08');
  assert.equal(clockUtc(now - 86_400_000, now), '11-22 14:05');
  assert.equal(clockUtc(Date.UTC(2025, 10, 23), now), '2025-11-23');
  assert.deepEqual([0, 1, 2].map(hopsText), ['direct', '1 hop', '2 hops']);
  assert.deepEqual([4, 5, 16, null].map(familyOf), ['advert', 'group', 'other', 'other']);
});

test('the live line says what was not live', () => {
  const now = Date.UTC(2026, 10, 23, 14, 5, 9);
  const usual = /** @type {import('../src/mesh/live_text.js').LiveState} */ ({
    isOnLivePage: true, isPaused: false, isHeld: false, missed: 0, dropped: 0, feed: 'open', gap: null, everyS: 5,
  });
  const gap = { fromMs: now - 9000, toMs: now - 4000 };
  const table = /** @type {[object, string, string][]} */ ([
    [{}, 'open', 'Live'],
    [{ gap }, 'open', 'Live · gap 14:05:00–14:05:05 UTC asked for'],
    [{ dropped: 12 }, 'open', 'Live · 12 skipped by the feed, asked for'],
    [{ feed: 'lost', gap: { ...gap, toMs: null } }, 'lost', 'No live feed since 14:05:00 UTC: asking every 5 s'],
    [{ feed: 'lost' }, 'lost', 'No live feed: asking every 5 s'],
    [{ feed: 'connecting' }, 'connecting', 'Connecting…'],
    [{ isPaused: true, missed: 1, feed: 'lost' }, 'paused', 'Paused, 1 reception since'],
    [{ isHeld: true, missed: 2 }, 'paused', 'Held while you are in the list, 2 receptions since'],
    [{ isOnLivePage: false }, 'paused', 'Live on the first page, newest first'],
  ]);
  for (const [change, kind, text] of table) assert.deepEqual(liveText({ ...usual, ...change }, now), { kind, text });
});
