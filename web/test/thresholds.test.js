// Contract §7.1, the table of thresholds: every comparison at its edge.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as limits from '../src/perf/thresholds.js';

const { MIB } = limits;

/** @param {(value: number) => unknown} tone @param {[number, unknown][]} edges */
function edges(tone, edges) {
  for (const [value, expected] of edges) assert.equal(tone(value), expected, `${tone.name} of ${value}`);
}

test('writes are marked above 10 MiB a second, in vain above 1 (000-01, 001-07)', () => {
  edges(limits.writeTone, [[10 * MIB, null], [10 * MIB + 1, 'bad'], [0, null]]);
  edges(limits.cancelledTone, [[MIB, null], [MIB + 1, 'bad']]);
});

test('a WAL of exactly 100 MB is not marked, 100.01 is (000-11)', () => {
  edges(limits.isWalLong, [[100, false], [100.01, true]]);
  edges(limits.walTone, [[10, 'good'], [10.01, 'warn'], [50, 'warn'], [50.01, 'bad']]);
});

test('a hit rate of exactly 90 % and of 0 is not marked, 89.99 is (000-11)', () => {
  edges(limits.pageHitTone, [[0.9, null], [0.8999, 'warn'], [0, null], [0.0001, 'warn'], [1, null]]);
  edges(limits.cacheTone, [[20, 'bad'], [20.1, 'warn'], [50, 'warn'], [50.1, 'good']]);
});

test('the main thread, the heap, free pages and routes have their edges', () => {
  edges(limits.loopTone, [[100, 'good'], [100.1, 'warn'], [500, 'warn'], [500.1, 'bad']]);
  edges((used) => limits.heapTone(used, 100), [[70, 'good'], [70.1, 'warn'], [85, 'warn'], [85.1, 'bad']]);
  edges(limits.freelistTone, [[10, 'good'], [10.1, 'warn'], [1e9, 'warn']]);
  edges(limits.routeTone, [[50, null], [50.1, 'warn'], [200, 'warn'], [200.1, 'bad']]);
  assert.equal(limits.callTone(500, 200), null);
  assert.equal(limits.callTone(500, 200.1), 'warn');
  assert.equal(limits.callTone(500.1, 1), 'bad');
});

test('what is not known crosses no threshold (000-28)', () => {
  for (const unknown of [null, undefined, Number.NaN]) {
    for (const tone of [limits.writeTone, limits.cancelledTone, limits.walTone, limits.pageHitTone, limits.loopTone, limits.freelistTone, limits.cacheTone]) {
      assert.equal(tone(/** @type {any} */ (unknown)), null);
    }
    assert.equal(limits.heapTone(unknown, 5), null);
    assert.equal(limits.heapTone(5, unknown), null);
  }
  assert.equal(limits.heapTone(5, 0), null);
});
