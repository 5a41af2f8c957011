import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anomalyFinding, findingsOf, verdictOf } from '../src/perf/findings.js';

const NOW = Date.UTC(2026, 10, 23, 12, 0, 0);
/** @param {object} of @returns {any} */
const anomaly = (of) => ({ rule: 'baseline', series: 'process.write', unit: 'B/s', value: 20_971_520, normal: 1_048_576, sinceMs: NOW - 240_000, source: null, mad: 0, score: 9, what: '', ...of });
/** @param {object} of @returns {any} */
const seen = (of) => ({ anomalies: { judgedAt: '2026-11-23T12:00:00Z', everySec: 10, anomalies: [] }, migrations: [], mqtt: null, io: null, tasks: [], store: null, foreignWrites: 0, unread: [], ...of });

test('an anomaly says what, since when, against what normal and from which source', () => {
  const finding = anomalyFinding(anomaly({ source: 'backfill_x' }), NOW);
  assert.equal(finding.what, 'Writing to disk: 20.0 MB/s, normally 1.0 MB/s, mostly from backfill_x');
  assert.match(finding.details, /^since \d\d:\d\d:\d\d \(4 min\)$/);
  assert.equal(anomalyFinding(anomaly({ rule: 'threshold', series: 'wal.size', unit: 'MiB', value: 180, normal: 100 }), NOW).what, 'The WAL file: 180.0 MB, the limit is 100.0 MB');
  assert.equal(anomalyFinding(anomaly({ rule: 'rate', series: 'rate.tx_dupes', unit: '/s', value: 12, normal: 0.5, source: 'tx_dupes' }), NOW).what, 'Events of tx_dupes: 12.00/s, 0.50/s in the last five minutes');
  assert.equal(anomalyFinding(anomaly({ series: 'write.backfill_path_json.rows', unit: 'rows/s', value: 500, normal: 0, source: 'backfill_path_json' }), NOW).what, 'Rows written by backfill_path_json: 500 rows/s, normally 0 rows/s');
});

test('what a baseline flags may be taken as normal, a limit or a rate not', () => {
  assert.equal(anomalyFinding(anomaly({}), NOW).acceptable, 'process.write');
  for (const rule of ['threshold', 'rate']) assert.equal(anomalyFinding(anomaly({ rule }), NOW).acceptable, undefined);
});

test('all is normal only if something has judged', () => {
  assert.deepEqual(verdictOf([], seen({}).anomalies), { tone: 'good', text: 'All is normal' });
  assert.equal(verdictOf([], null).tone, 'warn');
  assert.equal(verdictOf([], { judgedAt: null, everySec: 10, anomalies: [] }).tone, 'warn');
});

test('what cannot be read is a finding, and never "nothing"', () => {
  const findings = findingsOf(seen({
    unread: [{ name: 'SQLite', why: 'the server does not answer' }],
    io: { ingestorStatus: { state: 'stale', reason: 'the last sample is older than 5 s', since: '2026-11-23T11:58:00Z' } },
  }), NOW);
  assert.deepEqual(findings.map(({ what }) => what), [
    'The figures of ingest are stale: the last sample is older than 5 s', 'SQLite cannot be read: the server does not answer',
  ]);
  assert.equal(verdictOf(findings, null).text, '2 things are not as they should be');
});

test('the worst comes first: lost messages and failed migrations before what is only unusual', () => {
  const findings = findingsOf(seen({
    anomalies: { judgedAt: 'x', everySec: 10, anomalies: [anomaly({})] },
    migrations: [{ name: 'm', status: 'failed', state: 'failed', errorMessage: 'disk full' }, { name: 'c', status: 'failed', state: 'cancelled' }],
    mqtt: { sources: [{ name: 's', connected: false, lastError: 'refused', ingest: { dropped: 3 } }] },
  }), NOW);
  assert.deepEqual(findings.map(({ tone }) => tone), ['bad', 'bad', 'bad', 'warn']);
  assert.equal(findings[0]?.what, 'Migration m failed: disk full');
  assert.equal(verdictOf(findings, null).tone, 'bad');
});

test('a source that is silent for more than five minutes is a finding, exactly five are not', () => {
  const silent = (/** @type {number} */ forS) => findingsOf(seen({ mqtt: { sources: [{ name: 's', connected: true, lastPacketUnix: NOW / 1000 - forS }] } }), NOW);
  assert.deepEqual(silent(300), []);
  assert.deepEqual(silent(301).map(({ what, tone }) => [what, tone]), [['No packets from MQTT source s for 5 minutes', 'warn']]);
  assert.deepEqual(findingsOf(seen({ mqtt: { sources: [{ name: 's', connected: true, lastPacketUnix: 0 }] } }), NOW), [], 'nothing yet is not silence');
});

test('a program that writes beside us is named (decision 10); none is no finding', () => {
  assert.deepEqual(findingsOf(seen({ foreignWrites: null }), NOW), []);
  assert.match(findingsOf(seen({ foreignWrites: 2 }), NOW)[0]?.what ?? '', /Another program writes to this database: seen 2 times/);
});

test('recurring work that failed and history that was not read are findings with their reasons', () => {
  const findings = findingsOf(seen({
    tasks: [{ name: 'prune_packets', state: 'failed', reason: 'disk full', lastRunAt: '2026-11-23T11:59:00Z' }, { name: 'optimize', state: 'waiting' }],
    store: { backgroundLoadFailed: true, backgroundLoadError: 'no memory' },
  }), NOW);
  assert.deepEqual(findings.map(({ what }) => what), ['The last run of prune_packets failed: disk full', 'History was not read into memory: no memory']);
});
