// Recurring work: schedule and runner in one table.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commandsOf, etaText, progressText } from '../src/perf/eta.js';
import { asMigration, isOpen, jobsOf, maintenanceRows, tasksOf } from '../src/perf/maintenance.js';

/** @param {object} of @returns {any} */
const task = (of) => ({ name: 'prune_packets', state: 'waiting', reason: null, keepsSec: 3600, lastRunAt: null, lastRows: null, rowsTotal: 0, runs: 0, nextRunInSec: 80, ...of });
/** @param {object} of @returns {any} */
const job = (of) => ({
  name: 'prune_packets', state: 'running', stateReason: 'its turn', stateSince: '2026-11-23T12:00:00Z', by: 'runner', rowsScanned: 10, rowsChanged: 5, rowsFailed: 1,
  runs: 0, last: null, batches: 2, batchRows: 5, walPages: 3, knobs: { batchRowsMax: 5 }, settings: [], ...of,
});

test('a task that has never run has no rows, no time and no 0 in their place', () => {
  const [row] = maintenanceRows([task({})], []);
  assert.deepEqual([row?.lastMs, row?.lastRows, row?.nextS, row?.rowsFailed], [null, null, 80, null]);
});

test('a task under way is as the runner says; at its end it is as the schedule says', () => {
  assert.equal(maintenanceRows([task({})], [job({ state: 'throttled' })])[0]?.state, 'throttled');
  assert.equal(maintenanceRows([task({ state: 'done' })], [job({ state: 'succeeded' })])[0]?.state, 'done');
  assert.equal(maintenanceRows([task({ state: 'failed', reason: 'disk full' })], [])[0]?.why, 'disk full');
});

test('a job without a schedule is shown too, each once', () => {
  const last = { state: 'failed', error: 'locked', endedAt: '2026-11-23T12:00:00Z', rowsChanged: 3, rowsFailed: 2 };
  const rows = maintenanceRows([task({})], [job({}), job({ name: 'digests', state: 'failed', last })]);
  assert.deepEqual(rows.map(({ name }) => name), ['prune_packets', 'digests']);
  assert.deepEqual([rows[1]?.why, rows[1]?.lastRows, rows[1]?.rowsFailed, rows[1]?.nextS], ['locked', 3, 2, null]);
});

test('a job under way is steered as a migration, without a share or an end that nobody knows', () => {
  const migration = asMigration(job({}));
  assert.deepEqual(commandsOf(migration.state), ['pause', 'cancel', 'tune']);
  assert.equal(progressText(migration), '10 rows');
  assert.equal(etaText(migration), '');
  assert.deepEqual(['running', 'paused', 'succeeded', 'failed', 'cancelled'].map((state) => isOpen({ state })), [true, true, false, false, false]);
});

test('a server that tells nothing of either has none', () => {
  assert.deepEqual([tasksOf(null), tasksOf(undefined), jobsOf(null)], [[], [], []]);
});
