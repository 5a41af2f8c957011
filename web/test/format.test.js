import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as format from '../src/shared/format.js';

test('byte rates change their unit at the edge and not before (contract §7.1)', () => {
  assert.equal(format.byteRate(0), '0 B/s');
  assert.equal(format.byteRate(1023.4), '1023 B/s');
  assert.equal(format.byteRate(1024), '1.0 KB/s');
  assert.equal(format.byteRate(1_048_575), '1,024.0 KB/s');
  assert.equal(format.byteRate(1_048_576), '1.0 MB/s');
});

test('what is not known is a dash and never 0', () => {
  const writers = [format.byteRate, format.bytes, format.count, format.milliseconds, format.percent, format.perSecond, format.duration, format.clockTime, format.dateTime, format.megabytes];
  for (const write of writers) {
    for (const unknown of [null, undefined, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.equal(write(/** @type {any} */ (unknown)), format.UNKNOWN, write.name);
    }
    assert.notEqual(write(0), format.UNKNOWN, write.name);
  }
});

test('durations have two units at most', () => {
  assert.equal(format.duration(0.4), '0 s');
  assert.equal(format.duration(59.4), '59 s');
  assert.equal(format.duration(59.6), '1 min');
  assert.equal(format.duration(250), '4 min 10 s');
  assert.equal(format.duration(3600), '1 h');
  assert.equal(format.duration(7500), '2 h 5 min');
  assert.equal(format.duration(273_600), '3 d 4 h');
});

test('both times of the API are UTC, whatever the zone of the browser (§7.2, defect b)', () => {
  const noon = Date.UTC(2026, 4, 17, 12, 0, 0);
  assert.equal(format.parseUtc('2026-05-17 12:00:00'), noon);
  assert.equal(format.parseUtc('2026-05-17T12:00:00Z'), noon);
  assert.equal(format.parseUtc('2026-05-17T14:00:00+02:00'), noon);
  assert.equal(format.parseUtc('2026-05-17T12:00:00.250Z'), noon + 250);
  for (const text of ['', 'yesterday', '2026-05-17', '2026-99-17 12:00:00', null, undefined]) {
    assert.equal(format.parseUtc(text), null, String(text));
  }
});

test('times that lie in the future are no negative age', () => {
  assert.equal(format.ago(2000, 1000), 'just now');
  assert.equal(format.ago(1000, 66_000), '1 min 5 s ago');
});
