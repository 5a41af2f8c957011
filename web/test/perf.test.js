import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aligned, stepOf, summaryOf, timesOf } from '../src/perf/chart.js';
import { commandsOf, etaText, progressText } from '../src/perf/eta.js';
import { ioRows } from '../src/perf/io.js';
import { loadText } from '../src/perf/process.js';
import { routeRows } from '../src/perf/requests.js';
import { sqliteFigures } from '../src/perf/sqlite.js';
import { sorted } from '../src/shared/table.js';

/** @param {object} eta @returns {any} */
const migration = (eta) => ({ status: 'running', state: 'running', rowsProcessed: 10, rowsTotal: 100, live: { eta } });

test('an end is told from two sides, and not at all where nobody knows', () => {
  assert.equal(etaText(migration({ state: 'estimate', lowS: 60, highS: 150 })), '1 min to 2 min 30 s left');
  assert.equal(etaText(migration({ state: 'estimate', lowS: 60, highS: 60.2 })), 'about 1 min left');
  for (const state of ['measuring', 'paused', 'stalled']) assert.doesNotMatch(etaText(migration({ state })), /\d/);
  assert.equal(etaText({ ...migration({ state: 'measuring' }), live: null }), '');
});

test('progress is never more than all', () => {
  assert.equal(progressText(migration({})), '10 of 100 rows (10 %)');
  assert.equal(progressText({ ...migration({}), rowsProcessed: 120 }), '120 of 100 rows (100 %)');
  assert.equal(progressText({ ...migration({}), rowsTotal: 0 }), '10 rows');
});

test('commands are offered where they make sense', () => {
  assert.deepEqual(commandsOf('running'), ['pause', 'cancel', 'tune']);
  assert.ok(commandsOf('paused').includes('resume') && !commandsOf('paused').includes('pause'));
  assert.deepEqual(commandsOf('succeeded'), []);
  assert.deepEqual(commandsOf('what a later version may have'), []);
});

test('a part whose I/O is not known has a reason and no 0', () => {
  const rates = { readBytesPerSec: 1, writeBytesPerSec: 2, cancelledWriteBytesPerSec: 0, syscallsRead: 0, syscallsWrite: 0 };
  const rows = ioRows(/** @type {any} */ ({
    ...rates, components: { writer: rates, mqtt: null }, missing: { 'components.mqtt': 'no such thread is running' },
    ingestorStatus: { state: 'stale', reason: 'the last sample is older than 5 s' },
  }));
  const mqtt = rows.find(({ name }) => name === 'MQTT sources');
  assert.deepEqual([mqtt?.rates, mqtt?.why], [null, 'no such thread is running']);
  assert.equal(rows.at(-1)?.why, 'stale: the last sample is older than 5 s');
});

test('SQLite’s figures that are null show a dash and why', () => {
  const unknown = { reason: 'the last look is older than 5 s', writerHitRate: { value: null, reason: 'this process does not write' }, readerHitRate: { value: null, reason: 'x' }, walPages: { value: null, reason: 'x' }, walDebtPages: { value: null, reason: 'x' } };
  for (const { label, text, hint } of sqliteFigures(/** @type {any} */ (unknown), null)) {
    assert.equal(text, '—', label);
    assert.ok(hint, label);
  }
});

test('requests are sorted by what they took in all', () => {
  const rows = routeRows(/** @type {any} */ ({ '/a': { count: 10, avgMs: 1 }, '/b': { count: 2, avgMs: 30.04 } }));
  assert.deepEqual(rows.map(({ path, totalMs }) => [path, totalMs]), [['/b', 60], ['/a', 10]]);
});

test('a load that failed is failed, whatever else is said', () => {
  const store = /** @type {any} */ ({ backgroundLoadFailed: true, backgroundLoadComplete: true, backgroundLoadError: 'disk' });
  assert.deepEqual(loadText(store), { text: 'Failed: disk', tone: 'bad' });
  assert.equal(loadText(/** @type {any} */ ({ backgroundLoadProgress: null })).text, 'Not known');
});

test('series of one chart share their steps, with gaps where one has nothing', () => {
  const data = aligned([{ atMs: [60_500, 180_100], values: [1, 2] }, { atMs: [120_000, 181_000], values: [null, 3] }, { atMs: [], values: [] }], 60);
  assert.deepEqual(data, [[60, 120, 180], [1, null, 2], [null, null, 3], [null, null, null]]);
  const late = aligned([{ atMs: [60_000, 120_000], values: [1, 2] }, { atMs: [60_000, 120_000, 180_000], values: [3, 4, 5] }], 60);
  assert.deepEqual(late, [[60, 120], [1, 2], [3, 4]], 'a step that only the later one was asked about is not the last');
  assert.deepEqual(summaryOf('x', [null, 4, 2]), { label: 'x', now: 2, least: 2, mean: 3, most: 4 });
  assert.deepEqual(summaryOf('x', [null]), { label: 'x', now: null, least: null, mean: null, most: null });
});

test('times of a short chart have seconds, those of an hour have none', () => {
  assert.match(timesOf([60], [0, 599])[0] ?? '', /^\d\d:\d\d:\d\d$/);
  assert.match(timesOf([60], [0, 600])[0] ?? '', /^\d\d:\d\d$/);
});

test('a young process has short steps, an hour has sixty', () => {
  assert.deepEqual([0, 60, 600, 3600, 1e9].map(stepOf), [2, 2, 13, 75, 75]);
});

test('tables sort by value, unknown last in both directions', () => {
  const columns = [{ key: 'n', label: 'n', text: String, sort: (/** @type {{ n: number | null }} */ row) => row.n }];
  const rows = [{ n: 2 }, { n: null }, { n: 10 }];
  assert.deepEqual(sorted(rows, columns, { key: 'n', isDescending: false }).map(({ n }) => n), [2, 10, null]);
  assert.deepEqual(sorted(rows, columns, { key: 'n', isDescending: true }).map(({ n }) => n), [10, 2, null]);
});
