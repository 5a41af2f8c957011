// The process: store and loader, kept answers, memory, threads, the main thread's delay.

import { h } from '../shared/dom.js';
import { card, makeFigures } from '../shared/figures.js';
import { UNKNOWN, bytes, count, dateTime, fixed, isNumber, megabytes, milliseconds, parseUtc, percent } from '../shared/format.js';
import { makeChart } from './chart.js';
import { cacheTone, heapTone, loopTone } from './thresholds.js';

/**
 * @typedef {import('../shared/api.js').Schemas} Schemas
 * @typedef {import('../shared/figures.js').Figure} Figure
 */

/** How the load of the RAM window stands, in words. @param {Schemas['PerfStore']} store
 * @returns {{ text: string, tone: 'good' | 'warn' | 'bad' | null }} */
export function loadText(store) {
  const error = store.backgroundLoadError;
  if (store.backgroundLoadFailed) return { text: error ? `Failed: ${error}` : 'Failed', tone: 'bad' };
  if (store.sqliteOnly) return { text: 'Not in use', tone: null };
  if (store.backgroundLoadComplete) return { text: 'Complete', tone: 'good' };
  if (!isNumber(store.backgroundLoadProgress)) return { text: 'Not known', tone: null };
  return { text: `Loading, ${count(store.backgroundLoadProgress)} %`, tone: 'warn' };
}

/** What is 0 because there is no limit says so. @param {number | null | undefined} value @param {(value: number) => string} write */
const limit = (value, write) => (isNumber(value) ? (value === 0 ? 'no limit' : write(value)) : UNKNOWN);

/** @param {number} value */
const hours = (value) => `${fixed(value, 0)} h`;

/** @param {Schemas['PerfStore']} store @returns {Figure[]} */
function storeFigures(store) {
  const load = loadText(store);
  const oldest = parseUtc(store.oldestLoaded);
  return [
    { label: 'Load', text: load.text, tone: load.tone },
    { label: 'Covered', text: percent(store.loadCoverageRatio), hint: 'of the rows in the window' },
    { label: 'Oldest', text: oldest === null ? UNKNOWN : dateTime(oldest), hint: oldest === null ? 'not known' : '' },
    { label: 'Transmissions in RAM', text: count(store.inMemory), hint: `of ${count(store.totalLoaded)}` },
    { label: 'Observations', text: count(store.totalObservations) },
    { label: 'Memory of the window', text: megabytes(store.trackedMB), hint: `limit: ${limit(store.maxMB, megabytes)}` },
    { label: 'Memory in use', text: megabytes(store.estimatedMB), hint: store.estimatedMB == null ? 'the system does not tell' : 'of all the process asked for' },
    { label: 'Per packet', text: bytes(store.avgBytesPerPacket || null) },
    { label: 'Hours in RAM', text: limit(store.retentionHours, hours), hint: store.hotStartupHours > 0 ? `the last ${hours(store.hotStartupHours)} first` : 'all at once' },
    { label: 'New since the start', text: count(store.inserts) },
    { label: 'Evicted', text: count(store.evicted) },
    { label: 'List queries', text: count(store.queries) },
    { label: 'Indexed', text: count(store.indexes.byHash), hint: `hashes; ${count(store.indexes.byObserver)} observers, ${count(store.indexes.byNode)} nodes` },
  ];
}

/** A note of the API as a sentence. @param {string} text */
const capital = (text) => (text === '' ? '' : `${text.charAt(0).toUpperCase()}${text.slice(1)}.`);

export function storeSection() {
  const figures = makeFigures();
  const section = card('store', 'Store and loader', figures.element);
  return {
    ...section,
    /** @param {Schemas['PerfStore'] | null | undefined} store */
    update(store) {
      if (!store) return section.setNote('Not known yet: rows have not been counted.', 'warn');
      figures.update(storeFigures(store));
      return section.setNote(capital(store.note));
    },
  };
}

/** @param {Schemas['Health'] | null} health @param {Schemas['Overview']} perf @param {Schemas['IoBody'] | null} io @returns {Figure[]} */
function runtimeFigures(health, perf, io) {
  const { heapAllocMB, heapSysMB, goroutines, numCPU } = perf.goRuntime;
  const loop = health?.eventLoop;
  const unread = health ? null : 'health cannot be read';
  const { hitRate, hits, misses, size, staleHits, recomputes } = perf.cache;
  return [
    { label: 'Resident memory', text: io?.rssBytes == null ? megabytes(health?.memory.rss) : bytes(io.rssBytes), hint: io?.missing?.rssBytes ?? unread ?? '' },
    { label: 'Data in use', text: megabytes(heapAllocMB), tone: heapTone(heapAllocMB, heapSysMB), hint: `of ${megabytes(heapSysMB)} obtained` },
    { label: 'Main thread late, p95', text: milliseconds(loop?.p95Ms), tone: loopTone(loop?.p95Ms), hint: unread ?? `now ${milliseconds(loop?.currentLagMs)}, at most ${milliseconds(loop?.maxLagMs)}` },
    { label: 'Threads', text: count(goroutines), hint: `${count(numCPU)} processors` },
    { label: 'Live feeds', text: count(health?.websocket.clients), hint: unread ?? 'open WebSockets' },
    { label: 'Kept answers, hits', text: hits + misses > 0 ? `${fixed(hitRate, 1)} %` : UNKNOWN, tone: hits + misses > 0 ? cacheTone(hitRate) : null, hint: hits + misses > 0 ? `${count(hits)} of ${count(hits + misses)}, ${count(size)} kept` : 'nothing asked yet' },
    { label: 'Made anew', text: count(recomputes), hint: `answers; ${count(staleHits)} were given stale meanwhile` },
  ];
}

export function runtimeSection() {
  const figures = makeFigures();
  const charts = [
    makeChart({ title: 'Resident memory', format: bytes, isBytes: true, lines: [{ metric: 'rssBytes', label: 'This process' }] }),
    makeChart({ title: 'Main thread late', format: milliseconds, lines: [{ metric: 'eventLoopLagMs', label: 'Delay' }] }),
    makeChart({ title: 'Receptions that wait', format: count, lines: [{ metric: 'queueDepth', label: 'Not stored yet' }] }),
  ];
  const section = card('memory', 'Memory and threads', figures.element, h('div', { class: 'columns' }, charts.map(({ element }) => element)));
  return {
    ...section,
    /** @param {Schemas['Health'] | null} health @param {Schemas['Overview']} perf @param {Schemas['IoBody'] | null} io */
    update: (health, perf, io) => figures.update(runtimeFigures(health, perf, io)),
    /** @param {number | undefined} uptimeS of the server */
    start: (uptimeS) => charts.forEach((chart) => chart.start(uptimeS)),
    stop: () => charts.forEach((chart) => chart.stop()),
  };
}
