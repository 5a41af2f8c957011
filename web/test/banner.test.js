// The warm-up banner's rules (contract §7.2; 002-09, 002-19, 002-20, 004-02, 004-22, 004-A4).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isExpired, isSteady, linesOf, loadStateOf, nextStaleMs } from '../src/banner/rules.js';

const NOW = Date.UTC(2026, 10, 23, 12, 0, 0);
const READY = {
  ready: true, async_migrations: [], async_migrations_running: false, pending_warmup_tasks: [],
  from_pubkey_backfill: { done: true, processed: 0, total: 0 },
};
const TASK = { name: 'tx_last_seen_backfill_v1', kind: 'migration', state: 'running', rowsProcessed: 12_000, rowsTotal: 71_000, etaSec: 90.4 };
const FAILED = { name: 'bad_v1', status: 'failed', state: 'failed', errorMessage: 'disk full', endedAt: '2026-11-23 11:55:00' };

/** @param {any} healthz @param {object} [more] */
const known = (healthz, more = {}) => ({ healthz, loadStatus: null, dismissed: new Set(), nowMs: NOW, ...more });
/** @param {any} healthz @param {object} [more] */
const texts = (healthz, more) => linesOf(known(healthz, more)).map(({ text, progress }) => [text, progress?.text].filter(Boolean).join(' '));

test('the header counts by its first token (defect a)', () => {
  assert.equal(loadStateOf('loading; progress=12'), 'loading');
  assert.equal(loadStateOf('loading'), 'loading');
  assert.equal(loadStateOf(' Ready '), 'ready');
  assert.equal(loadStateOf(''), null);
  assert.equal(loadStateOf(null), null);
  const [line] = texts(READY, { loadStatus: 'loading; progress=12345' });
  assert.match(line ?? '', /historical data.*12,345.*slower/);
  assert.equal(isSteady(known(READY, { loadStatus: 'loading; progress=1' })), false);
});

test('the body of a 503 is used (defect a)', () => {
  const [line] = texts({ ready: false, reason: 'loading' });
  assert.match(line ?? '', /historical data/);
  assert.equal(isSteady(known({ ready: false })), false);
});

test('all is steady only if healthz says so, and says nothing is left to do', () => {
  assert.equal(isSteady(known(READY)), true);
  assert.deepEqual(texts(READY), []);
  assert.equal(isSteady(known(null)), false);
  assert.equal(isSteady(known({ ...READY, pending_warmup_tasks: [TASK] })), false);
  // 004-22: what could not be read is not "nothing".
  const unread = { ...READY, pending_warmup_tasks: null, async_migrations_running: true, async_migrations_error: 'locked' };
  assert.equal(isSteady(known(unread)), false);
  assert.match(texts(unread)[0] ?? '', /cannot be read: locked/);
});

test('a server of CoreScope’s without our gate is understood', () => {
  const { pending_warmup_tasks: _, ...old } = READY;
  assert.equal(isSteady(known(old)), true);
  assert.equal(isSteady(known({ ...old, async_migrations_running: true })), false);
  const { async_migrations: __, async_migrations_running: ___, from_pubkey_backfill: ____, ...head } = old;
  assert.equal(isSteady(known(head)), true, 'missing fields count as done');
});

test('the pubkey backfill shows its share, 0 where the total is', () => {
  /** @param {number} processed @param {number} total */
  const of = (processed, total) => texts({ ...READY, from_pubkey_backfill: { done: false, processed, total } })[0];
  assert.equal(of(1490, 10_000), 'Backfilling pubkey index 1,490 / 10,000 (14%)');
  assert.match(of(5, 0) ?? '', /\(0%\)/);
  assert.match(of(11, 10) ?? '', /\(100%\)/);
});

test('a migration under way has a line with progress and ETA (002-19, 004-A4)', () => {
  const line = texts({ ...READY, pending_warmup_tasks: [TASK] })[0];
  assert.equal(line, 'Migration tx_last_seen_backfill_v1 12,000 / 71,000, ETA 90s (1 min 30 s)');
  const paused = texts({ ...READY, pending_warmup_tasks: [{ ...TASK, state: 'paused', etaSec: 0 }] })[0];
  assert.equal(paused, 'Migration tx_last_seen_backfill_v1: paused 12,000 / 71,000');
});

test('migrations that wait for their turn share a line', () => {
  const tasks = [TASK, { ...TASK, name: 'b_v1', state: 'pending' }, { ...TASK, name: 'c_v1', state: 'pending' }];
  assert.deepEqual(texts({ ...READY, pending_warmup_tasks: tasks }).slice(1), ['Migrations that wait for their turn: b_v1, c_v1']);
  assert.match(texts({ ...READY, pending_warmup_tasks: tasks.slice(0, 2) })[1] ?? '', /^Migration b_v1: pending/);
});

test('a failed migration is named with its error (002-20), until ten minutes are over (002-09, 004-02)', () => {
  const healthz = { ...READY, async_migrations: [FAILED] };
  assert.deepEqual(texts(healthz), ['Migration bad_v1 FAILED: disk full']);
  assert.equal(isSteady(known(healthz)), false);
  const later = { nowMs: Date.UTC(2026, 10, 23, 12, 5, 0) };
  assert.equal(texts(healthz, later).length, 1, 'exactly ten minutes');
  later.nowMs += 1;
  assert.deepEqual(texts(healthz, later), []);
  assert.equal(isSteady(known(healthz, later)), true);
});

test('a failure whose end cannot be read never expires (004-22)', () => {
  for (const endedAt of [undefined, '', 'soon', null]) {
    assert.equal(isExpired(endedAt, NOW + 1e12), false);
  }
  assert.equal(isExpired('2026-11-23 11:49:59', NOW), true, 'stored times are UTC (defect b)');
});

test('a line can be dismissed by itself (004-02), and comes back as another one', () => {
  const healthz = { ...READY, async_migrations: [FAILED, { ...FAILED, name: 'other_v1' }] };
  const dismissed = new Set(['failed bad_v1']);
  assert.deepEqual(texts(healthz, { dismissed }), ['Migration other_v1 FAILED: disk full']);
  const running = { ...READY, pending_warmup_tasks: [TASK] };
  assert.equal(texts(running, { dismissed: new Set([`task ${TASK.name} running`]) }).length, 0);
  const failed = { ...READY, async_migrations: [{ ...FAILED, name: TASK.name }] };
  assert.equal(texts(failed, { dismissed: new Set([`task ${TASK.name} running`]) }).length, 1);
});

test('a source is stale after more than five minutes, and the time to look again is known (defect c)', () => {
  const heard = (/** @type {number} */ ageMs) => ({
    ...READY, ingest_liveness: { b: { lastReceiptUnix: (NOW - ageMs) / 1000, lastMessageUnix: 0 }, a: { lastReceiptUnix: 0, lastMessageUnix: 0 } },
  });
  assert.deepEqual(texts(heard(300_000)), []);
  assert.deepEqual(texts(heard(301_000)), ['No packets from b for 5 minutes']);
  assert.equal(nextStaleMs(heard(100_000)), NOW + 200_001);
  assert.equal(nextStaleMs(READY), null);
  assert.equal(isSteady(known(heard(301_000))), false, 'asked on, so that the line goes when packets come');
});

test('a server that is gone is said on every page', () => {
  const lines = linesOf(known(READY, { deadSinceMs: NOW }));
  assert.match(lines[0]?.text ?? '', /does not answer since/);
  assert.equal(isSteady(known(READY, { deadSinceMs: NOW })), false);
});

test('lines stand in the order of the contract', () => {
  const healthz = {
    ...READY, from_pubkey_backfill: { done: false, processed: 1, total: 2 }, pending_warmup_tasks: [TASK], async_migrations: [FAILED],
    ingest_liveness: { x: { lastReceiptUnix: 1, lastMessageUnix: 1 } },
  };
  const lines = texts(healthz, { loadStatus: 'loading' });
  assert.deepEqual(lines.map((line) => line.split(' ')[0]), ['⏳', 'Backfilling', 'Migration', 'Migration', 'No']);
});
