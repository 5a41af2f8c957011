// Contract §7.1, the anomaly detector.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ratesOf, remembered } from '../src/perf/rates.js';

/** @param {number} second @param {number} total */
const at = (second, total) => ({ atMs: second * 1000, counters: { tx: total } });
/** @param {import('../src/perf/rates.js').Sample[]} history @param {import('../src/perf/rates.js').Sample} now */
const rate = (history, now) => ratesOf(history, now).get('tx');

test('there is no rate without a sample before, nor when time stands still', () => {
  assert.equal(ratesOf([], at(0, 5)).size, 0);
  assert.equal(ratesOf([at(5, 5)], at(5, 9)).size, 0);
  assert.equal(ratesOf([at(5, 5)], at(4, 9)).size, 0);
  assert.equal(ratesOf([at(5, 5)], { atMs: Number.NaN, counters: { tx: 9 } }).size, 0);
});

test('a baseline needs 30 s, and exactly 30 s are enough', () => {
  assert.deepEqual(rate([at(0, 0), at(29, 29)], at(30, 30)), { perS: 1, baselinePerS: null, isHigh: false });
  assert.deepEqual(rate([at(0, 0), at(30, 30)], at(31, 31)), { perS: 1, baselinePerS: 1, isHigh: false });
});

test('ten times the baseline is not marked, more is; an idle source must exceed 0.5/s', () => {
  assert.equal(rate([at(0, 0), at(30, 30)], at(31, 40))?.isHigh, false);
  assert.equal(rate([at(0, 0), at(30, 30)], at(31, 41))?.isHigh, true);
  assert.equal(rate([at(0, 0), at(30, 0)], at(32, 1))?.isHigh, false, '0.5/s');
  assert.equal(rate([at(0, 0), at(30, 0)], at(31, 1))?.isHigh, true, '1/s');
});

test('the baseline reaches back five minutes and ends with the last sample', () => {
  const history = [at(0, 0), at(100, 10_000), at(400, 10_300)];
  assert.equal(rate(history, at(401, 10_301))?.baselinePerS, null, 'only one sample lies in the window');
  assert.equal(rate([at(0, 0), at(101, 10_000), at(400, 10_299)], at(401, 10_300))?.baselinePerS, 1);
});

test('samples older than six minutes go, and a restart of the server begins anew', () => {
  assert.equal(remembered([at(0, 0)], at(360, 5)).length, 2);
  assert.equal(remembered([at(0, 0)], at(361, 5)).length, 1);
  assert.deepEqual(remembered([at(0, 50), at(5, 60)], at(10, 3)), [at(10, 3)]);
  assert.deepEqual(remembered([at(0, 1)], at(0, 1)), [at(0, 1)], 'the same file read again');
});
