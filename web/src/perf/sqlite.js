// SQLite: the WAL and what is still to be moved out of it, true hit rates, free pages.

import { h } from '../shared/dom.js';
import { card, makeFigures } from '../shared/figures.js';
import { UNKNOWN, bytes, count, fixed, megabytes, milliseconds, percent } from '../shared/format.js';
import { makeChart } from './chart.js';
import { marked } from './io.js';
import { MIB, freelistTone, isWalLong, pageHitTone, walTone } from './thresholds.js';

/** @typedef {import('../shared/api.js').Schemas} Schemas */

/**
 * @param {Schemas['SqlitePerf']} sqlite
 * @param {Schemas['PerfSqlite'] | null} counted rows, from `/api/perf`
 * @returns {import('../shared/figures.js').Figure[]}
 */
export function sqliteFigures(sqlite, counted) {
  const why = sqlite.reason ?? '';
  const size = sqlite.pageSize ?? null;
  const inBytes = (/** @type {number | null | undefined} */ pages) => (typeof pages === 'number' && size !== null ? pages * size : null);
  const free = inBytes(sqlite.freelistPages);
  const debt = sqlite.walDebtPages;
  return [
    { label: 'WAL file', text: marked(megabytes(sqlite.walSizeMB), isWalLong(sqlite.walSizeMB)), tone: walTone(sqlite.walSizeMB), hint: sqlite.walSizeMB == null ? why || 'cannot be read' : 'a high-water mark' },
    { label: 'WAL debt', text: bytes(inBytes(debt.value)), hint: debt.reason ?? `${count(debt.value)} pages not in the database yet` },
    { label: 'Writer’s hit rate', text: marked(percent(sqlite.writerHitRate.value), pageHitTone(sqlite.writerHitRate.value)), tone: pageHitTone(sqlite.writerHitRate.value), hint: sqlite.writerHitRate.reason ?? 'page cache, last minute' },
    { label: 'Readers’ hit rate', text: marked(percent(sqlite.readerHitRate.value), pageHitTone(sqlite.readerHitRate.value)), tone: pageHitTone(sqlite.readerHitRate.value), hint: sqlite.readerHitRate.reason ?? 'page cache, last minute' },
    { label: 'Database', text: bytes(inBytes(sqlite.pageCount)), hint: sqlite.pageCount == null ? why : `${count(sqlite.pageCount)} pages of ${count(size)} B` },
    { label: 'Moved out of the WAL', text: counted?.walPages ? count(counted.walPages.checkpointed) : UNKNOWN, hint: counted?.walPages ? `of ${count(counted.walPages.total)} pages, ${count(counted.walPages.busy)} busy` : 'no checkpoint yet' },
    { label: 'Free pages', text: bytes(free), tone: freelistTone(free === null ? null : free / MIB), hint: sqlite.freelistPages == null ? why : `${count(sqlite.freelistPages)} pages` },
    { label: 'Page cache', text: bytes(sqlite.cacheBytes), hint: sqlite.cacheSize == null ? why : `cache_size ${fixed(sqlite.cacheSize, 0)}` },
    { label: 'Open reads', text: count(sqlite.openReads), hint: sqlite.openReads == null ? why : `the oldest ${milliseconds(sqlite.oldestReadMs)}` },
    { label: 'Transmissions', text: count(counted?.rows.transmissions), hint: counted ? '' : 'not counted yet' },
    { label: 'Observations', text: count(counted?.rows.observations), hint: counted ? '' : 'not counted yet' },
    { label: 'Nodes', text: count(counted?.rows.nodes), hint: counted ? '' : 'not counted yet' },
    { label: 'Observers', text: count(counted?.rows.observers), hint: counted ? '' : 'not counted yet' },
  ];
}

export function sqliteSection() {
  const figures = makeFigures();
  const charts = [
    makeChart({ title: 'WAL, pages', format: count, lines: [{ metric: 'walPages', label: 'In the WAL' }, { metric: 'walDebtPages', label: 'Not in the database yet' }] }),
    makeChart({ title: 'Page cache hits', format: (share) => percent(share, 0), max: 1, lines: [{ metric: 'writerHitRate', label: 'Writer' }, { metric: 'readerHitRate', label: 'Readers' }] }),
  ];
  const section = card('sqlite', 'SQLite', figures.element, h('div', { class: 'columns' }, charts.map(({ element }) => element)));
  return {
    ...section,
    /** @param {Schemas['SqlitePerf']} sqlite @param {Schemas['PerfSqlite'] | null} counted */
    update(sqlite, counted) {
      figures.update(sqliteFigures(sqlite, counted));
      section.setNote(sqlite.reason ?? null, 'warn');
    },
    /** @param {number | undefined} uptimeS of the server */
    start: (uptimeS) => charts.forEach((chart) => chart.start(uptimeS)),
    stop: () => charts.forEach((chart) => chart.stop()),
  };
}
