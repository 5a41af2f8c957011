// What is wrong, in words: what, since when, against what normal, from which source. Pure.

import { STALE_MS } from '../banner/rules.js';
import {
  bytes, byteRate, clockTime, count, duration, fixed, milliseconds, parseUtc, percent, perSecond, plural,
} from '../shared/format.js';

/**
 * @typedef {import('../shared/api.js').Schemas} Schemas
 * @typedef {Schemas['Anomaly']} Anomaly
 * `acceptable`: the series that may be taken as normal.
 * @typedef {{ key: string, tone: 'bad' | 'warn', what: string, details: string, acceptable?: string }} Finding
 * @typedef {{
 *   anomalies: Schemas['AnomaliesBody'] | null,
 *   migrations: Schemas['MigrationView'][] | null,
 *   mqtt: Schemas['MqttStatusBody'] | null,
 *   io: Schemas['IoBody'] | null,
 *   tasks: import('./maintenance.js').Task[],
 *   store: Schemas['PerfStore'] | null,
 *   foreignWrites: number | null,
 *   unread: { name: string, why: string }[],
 * }} Seen
 */

/** @type {Record<string, string>} */
const SUBJECTS = {
  'process.write': 'Writing to disk',
  'process.read': 'Reading from disk',
  'process.cancelled': 'Writing in vain (taken back before it reached the disk)',
  'process.rss': 'Memory of the process',
  'wal.size': 'The WAL file',
  'wal.debt': 'Pages of the WAL that are not in the database yet',
  'cache.hitRate': 'Pages found in SQLite’s cache',
  'intake.depth': 'Receptions that wait to be stored',
  'eventLoop.lag': 'Delay of the main thread',
};

/** @param {string} series */
function subjectOf(series) {
  const known = SUBJECTS[series];
  if (known) return known;
  const write = /^write\.(.+)\.(rows|wal|transactions|errors)$/.exec(series);
  if (write) return `${/** @type {any} */ ({ rows: 'Rows written', wal: 'WAL written', transactions: 'Transactions', errors: 'Failed writes' })[write[2] ?? '']} by ${write[1]}`;
  if (series.startsWith('rate.')) return `Events of ${series.slice(5)}`;
  const component = /^(\w+)\.write$/.exec(series);
  return component ? `Writing to disk by the ${component[1]}` : series;
}

/** A figure in its unit. @param {number} value @param {string} unit */
function figureOf(value, unit) {
  switch (unit) {
    case 'B/s': return byteRate(value);
    case 'B': return bytes(value);
    case 'MiB': return bytes(value * 1_048_576);
    case 'of 1': return percent(value);
    case 'ms': return milliseconds(value);
    case '/s': return perSecond(value);
    default: return `${Number.isInteger(value) ? count(value) : fixed(value, 2)} ${unit}`;
  }
}

/** @param {Anomaly} anomaly @param {number} nowMs @returns {Finding} */
export function anomalyFinding(anomaly, nowMs) {
  const { rule, series, unit, value, normal, sinceMs, source } = anomaly;
  const figure = figureOf(normal, unit);
  const against = { threshold: `the limit is ${figure}`, rate: `${figure} in the last five minutes`, baseline: `normally ${figure}` }[rule];
  const from = source && !series.includes(source) ? `, mostly from ${source}` : '';
  return {
    key: `${rule} ${series}`,
    tone: rule === 'threshold' ? 'bad' : 'warn',
    what: `${subjectOf(series)}: ${figureOf(value, unit)}, ${against}${from}`,
    details: sinceText(sinceMs, nowMs),
    ...(rule === 'baseline' ? { acceptable: series } : {}),
  };
}

/** @param {number | null | undefined} ms @param {number} nowMs */
function sinceText(ms, nowMs) {
  return ms ? `since ${clockTime(ms)} (${duration((nowMs - ms) / 1000)})` : '';
}

/**
 * All that is wrong, the worst first.
 * @param {Seen} seen @param {number} nowMs
 * @returns {Finding[]}
 */
export function findingsOf(seen, nowMs) {
  const found = [
    ...(seen.anomalies?.anomalies ?? []).map((anomaly) => anomalyFinding(anomaly, nowMs)),
    ...(seen.migrations ?? []).flatMap((migration) => ofMigration(migration, nowMs)),
    ...(seen.mqtt?.sources ?? []).flatMap((source) => ofSource(source, nowMs)),
    ...seen.tasks.flatMap((task) => ofTask(task, nowMs)),
    ...ofStore(seen.store),
    ...(seen.foreignWrites ? [{
      key: 'foreign', tone: /** @type {const} */ ('warn'), details: 'since the start',
      what: `Another program writes to this database: seen ${plural(seen.foreignWrites, 'time')}`,
    }] : []),
    ...ofStats(seen.io?.ingestorStatus),
    ...(seen.anomalies?.reason ? [{
      key: 'judgement', tone: /** @type {const} */ ('warn'), what: `Nothing is judged now: ${seen.anomalies.reason}`, details: '',
    }] : []),
    ...seen.unread.map(({ name, why }) => ({
      key: `unread ${name}`, tone: /** @type {const} */ ('warn'), what: `${name} cannot be read: ${why}`, details: '',
    })),
  ];
  return found.sort((a, b) => Number(b.tone === 'bad') - Number(a.tone === 'bad'));
}

/** @param {Schemas['MigrationView']} migration @param {number} nowMs @returns {Finding[]} */
function ofMigration({ name, state, status, errorMessage, stateReason, stateSince, endedAt }, nowMs) {
  const since = sinceText(parseUtc(stateSince ?? endedAt), nowMs);
  if (status === 'failed' && state !== 'cancelled') {
    return [{ key: `failed ${name}`, tone: 'bad', what: `Migration ${name} failed: ${errorMessage ?? stateReason ?? 'no reason is known'}`, details: since }];
  }
  if (state === 'awaiting_approval') {
    return [{ key: `approval ${name}`, tone: 'warn', what: `Migration ${name} waits for approval${stateReason ? `: ${stateReason}` : ''}`, details: since }];
  }
  return [];
}

/** @param {Schemas['MqttSource']} source @param {number} nowMs @returns {Finding[]} */
function ofSource(source, nowMs) {
  const { name = '', connected, lastError, lastDisconnectUnix, ingest } = source;
  /** @type {Finding[]} */
  const found = [];
  if (connected === false) {
    found.push({
      key: `mqtt ${name}`, tone: 'bad', what: `MQTT source ${name} is not connected${lastError ? `: ${lastError}` : ''}`,
      details: sinceText((lastDisconnectUnix ?? 0) * 1000, nowMs),
    });
  }
  const silentMs = nowMs - (source.lastPacketUnix ?? 0) * 1000;
  if (connected !== false && source.lastPacketUnix && silentMs > STALE_MS) {
    found.push({
      key: `silent ${name}`, tone: 'warn', what: `No packets from MQTT source ${name} for ${count(Math.floor(silentMs / 60_000))} minutes`,
      details: sinceText(source.lastPacketUnix * 1000, nowMs),
    });
  }
  if ((ingest?.dropped ?? 0) > 0) {
    found.push({
      key: `dropped ${name}`, tone: 'bad', what: `${count(ingest?.dropped)} messages of MQTT source ${name} did not fit and are lost`,
      details: sinceText((ingest?.droppedSinceUnix ?? 0) * 1000, nowMs),
    });
  }
  return found;
}

/** @param {import('./maintenance.js').Task} task @param {number} nowMs @returns {Finding[]} */
function ofTask({ name, state, reason, lastRunAt }, nowMs) {
  if (state !== 'failed') return [];
  return [{
    key: `task ${name}`, tone: 'bad', what: `The last run of ${name} failed: ${reason ?? 'no reason is known'}`,
    details: sinceText(parseUtc(lastRunAt), nowMs),
  }];
}

/** @param {Schemas['PerfStore'] | null} store @returns {Finding[]} */
function ofStore(store) {
  if (!store?.backgroundLoadFailed) return [];
  const why = store.backgroundLoadError ?? 'no reason is known';
  return [{ key: 'load', tone: 'warn', what: `History was not read into memory: ${why}`, details: 'answers come from SQLite, and are slower' }];
}

/** @param {Schemas['IngestorStatus'] | undefined} status @returns {Finding[]} */
function ofStats(status) {
  if (!status || status.state === 'fresh') return [];
  const since = parseUtc(status.since);
  return [{
    key: 'stats', tone: 'warn', what: `The figures of ingest are ${status.state}: ${status.reason ?? 'no reason is known'}`,
    details: since === null ? '' : `since ${clockTime(since)}`,
  }];
}

/** The line above the list. @param {Finding[]} findings @param {Schemas['AnomaliesBody'] | null} judged
 * @returns {{ tone: 'good' | 'warn' | 'bad', text: string }} */
export function verdictOf(findings, judged) {
  const bad = findings.filter(({ tone }) => tone === 'bad').length;
  if (findings.length > 0) {
    const text = findings.length === 1 ? 'One thing is not as it should be' : `${findings.length} things are not as they should be`;
    return { tone: bad > 0 ? 'bad' : 'warn', text };
  }
  if (!judged?.judgedAt) return { tone: 'warn', text: 'Nothing has been judged yet' };
  return { tone: 'good', text: 'All is normal' };
}
