// Who writes to the database: totals, rates against their last five minutes, WAL bytes, waits and
// holds.

import { h } from '../shared/dom.js';
import { card } from '../shared/figures.js';
import { bytes, clockTime, count, milliseconds, parseUtc, perSecond } from '../shared/format.js';
import { makeTable } from '../shared/table.js';
import { marked } from './io.js';
import { ratesOf, remembered } from './rates.js';

/**
 * @typedef {import('../shared/api.js').Schemas} Schemas
 * @typedef {{ name: string, total: number, rate: import('./rates.js').Rate | null }} CounterRow
 * @typedef {{ name: string, row: Schemas['LedgerRow'] }} LedgerRow
 */

const HIGH = 'more than ten times its last five minutes';

export function writesSection() {
  const counters = makeTable({
    caption: 'Counters of ingest', class: 'compact', rowKey: ({ name }) => name, empty: 'There are no figures of ingest yet.',
    order: { key: 'total', isDescending: true },
    columns: [
      { key: 'name', label: 'Source', isHeader: true, class: 'mono', text: (/** @type {CounterRow} */ { name }) => name, sort: ({ name }) => name },
      { key: 'total', label: 'Total', isNumber: true, text: ({ total }) => count(total), sort: ({ total }) => total },
      { key: 'rate', label: 'Rate', isNumber: true, text: ({ rate }) => perSecond(rate?.perS), sort: ({ rate }) => rate?.perS ?? null, tone: ({ rate }) => (rate?.isHigh ? 'bad' : null) },
      { key: 'baseline', label: 'Normally', isNumber: true, title: 'Rate of the last five minutes; a dash until there are 30 s of them', text: ({ rate }) => perSecond(rate?.baselinePerS) },
      { key: 'note', label: 'Note', class: 'remark', text: ({ rate }) => (rate?.isHigh ? marked(HIGH, true) : ''), tone: () => 'bad' },
    ],
    rowTone: ({ rate }) => (rate?.isHigh ? 'bad' : null),
  });
  const ledger = makeTable({
    caption: 'Writer, by source', rowKey: ({ name }) => name, empty: 'Nothing has been written since the start.',
    order: { key: 'wal', isDescending: true },
    columns: [
      { key: 'name', label: 'Source', isHeader: true, class: 'mono', text: (/** @type {LedgerRow} */ { name }) => name, sort: ({ name }) => name },
      { key: 'rows', label: 'Rows', isNumber: true, text: ({ row }) => count(row.rows), sort: ({ row }) => row.rows },
      { key: 'commits', label: 'Commits', isNumber: true, title: 'Transactions of its own', text: ({ row }) => count(row.transactions), sort: ({ row }) => row.transactions },
      { key: 'wal', label: 'WAL', isNumber: true, text: ({ row }) => bytes(row.walBytes), sort: ({ row }) => row.walBytes ?? null },
      { key: 'held', label: 'Held in all', isNumber: true, text: ({ row }) => milliseconds(row.holdMs), sort: ({ row }) => row.holdMs },
      { key: 'hold', label: 'Hold p50 / p99', isNumber: true, text: ({ row }) => spread(row.hold), sort: ({ row }) => row.hold.p99Ms },
      { key: 'holdMax', label: 'longest', isNumber: true, text: ({ row }) => (row.hold.count > 0 ? milliseconds(row.hold.maxMs) : '—') },
      { key: 'wait', label: 'Wait p50 / p99', isNumber: true, text: ({ row }) => spread(row.wait), sort: ({ row }) => row.wait.p99Ms },
      { key: 'waitMax', label: 'longest', isNumber: true, text: ({ row }) => (row.wait.count > 0 ? milliseconds(row.wait.maxMs) : '—') },
      { key: 'errors', label: 'Errors', isNumber: true, text: ({ row }) => count(row.errors), sort: ({ row }) => row.errors, tone: ({ row }) => (row.errors > 0 ? 'bad' : null) },
    ],
  });
  const why = h('p', { class: 'note' });
  const section = card('writes', 'Write sources', counters.element, ledger.element, why);
  /** @type {import('./rates.js').Sample[]} */
  let history = [];
  /** @type {Map<string, import('./rates.js').Rate>} */
  let rates = new Map();
  return {
    ...section,
    /** @param {Schemas['WriteSourcesBody']} body */
    update(body) {
      const sample = { atMs: parseUtc(body.sampleAt) ?? Number.NaN, counters: body.sources };
      const judged = ratesOf(history, sample);
      if (judged.size > 0) rates = judged;
      history = remembered(history, sample);
      counters.update(Object.entries(body.sources).map(([name, total]) => ({ name, total, rate: rates.get(name) ?? null })));
      const sources = body.ledger?.sources ?? {};
      ledger.update(Object.entries(sources).map(([name, row]) => ({ name, row })));
      why.textContent = body.ledgerReason ?? body.ledger?.reason ?? '';
      const { state, reason } = body.ingestorStatus;
      const at = clockTime(parseUtc(body.sampleAt));
      if (state === 'fresh') section.setNote(`As of ${at}. Rates are compared with the last five minutes; ten times that is marked.`);
      else section.setNote(`${state}: ${reason ?? 'no reason is known'}${body.sampleAt ? `; what is shown is from ${at}` : ''}`, 'warn');
    },
  };
}

/** @param {Schemas['LatencySummary']} times */
function spread({ count: seen, p50Ms, p99Ms }) {
  return seen > 0 ? `${milliseconds(p50Ms)} / ${milliseconds(p99Ms)}` : '—';
}
