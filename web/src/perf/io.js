// Disk I/O of the process, its parts and of ingest, with an hour of charts.

import { h } from '../shared/dom.js';
import { card, makeFigures } from '../shared/figures.js';
import { byteRate, bytes, clockTime, fixed, parseUtc } from '../shared/format.js';
import { makeTable } from '../shared/table.js';
import { makeChart } from './chart.js';
import { cancelledTone, writeTone } from './thresholds.js';

/**
 * @typedef {import('../shared/api.js').Schemas} Schemas
 * @typedef {{ name: string, rates: Schemas['IoRates'] | null, why: string | null, isPart: boolean }} IoRow
 */

/** @type {[keyof Schemas['Components'], string][]} */
const PARTS = [
  ['writer', 'Writer'], ['readers', 'Readers'], ['checkpointer', 'Checkpointer'], ['mqtt', 'MQTT sources'], ['rest', 'Everything else'],
];

/** One row per process and part; what is not known has a reason. @param {Schemas['IoBody']} io @returns {IoRow[]} */
export function ioRows(io) {
  const missing = io.missing ?? {};
  const whole = typeof io.readBytesPerSec === 'number' ? /** @type {Schemas['IoRates']} */ (/** @type {unknown} */ (io)) : null;
  const rows = [{ name: 'This process', rates: whole, why: missing.rates ?? null, isPart: false }];
  for (const [part, name] of PARTS) {
    rows.push({ name, rates: io.components[part] ?? null, why: missing[`components.${part}`] ?? null, isPart: true });
  }
  const { state, reason, source } = io.ingestorStatus;
  const why = io.ingestor ? null : missing.ingestor ?? `${state}${reason ? `: ${reason}` : ''}`;
  const isOwn = source?.startsWith('this process') ?? false;
  rows.push({ name: isOwn ? 'Ingest (its share of this process)' : 'Ingest (another process)', rates: io.ingestor ?? null, why, isPart: false });
  return rows;
}

/** Pressure in words. @param {Schemas['Pressure'] | null | undefined} pressure */
function pressureText(pressure) {
  return pressure ? `${fixed(pressure.some.avg10, 1)} %` : '—';
}

export function ioSection() {
  const table = makeTable({
    caption: 'Disk I/O by process and part', class: 'compact', isCaptionHidden: true, rowKey: ({ name }) => name,
    columns: [
      { key: 'name', label: 'Who', isHeader: true, text: (/** @type {IoRow} */ { name, isPart }) => (isPart ? `– ${name}` : name) },
      { key: 'read', label: 'Reads', isNumber: true, text: ({ rates }) => byteRate(rates?.readBytesPerSec) },
      { key: 'write', label: 'Writes', isNumber: true, text: ({ rates, isPart }) => marked(byteRate(rates?.writeBytesPerSec), !isPart && writeTone(rates?.writeBytesPerSec)), tone: ({ rates, isPart }) => (isPart ? null : writeTone(rates?.writeBytesPerSec)) },
      { key: 'cancelled', label: 'In vain', title: 'Written and taken back before it reached the disk', isNumber: true, text: ({ rates, isPart }) => marked(byteRate(rates?.cancelledWriteBytesPerSec), !isPart && cancelledTone(rates?.cancelledWriteBytesPerSec)), tone: ({ rates, isPart }) => (isPart ? null : cancelledTone(rates?.cancelledWriteBytesPerSec)) },
      { key: 'reads', label: 'Read calls/s', isNumber: true, text: ({ rates }) => fixed(rates?.syscallsRead, 1) },
      { key: 'writes', label: 'Write calls/s', isNumber: true, text: ({ rates }) => fixed(rates?.syscallsWrite, 1) },
      { key: 'why', label: 'Note', class: 'remark', text: ({ why }) => why ?? '', tone: () => 'muted' },
    ],
  });
  const figures = makeFigures();
  const charts = [
    makeChart({
      title: 'Disk, this process', format: byteRate, isBytes: true,
      lines: [{ metric: 'writeBytesPerSec', label: 'Writes' }, { metric: 'readBytesPerSec', label: 'Reads' }],
    }),
    makeChart({
      title: 'Writes by part', format: byteRate, isBytes: true,
      lines: [
        { metric: 'writer.writeBytesPerSec', label: 'Writer' }, { metric: 'checkpointer.writeBytesPerSec', label: 'Checkpointer' },
        { metric: 'readers.writeBytesPerSec', label: 'Readers' }, { metric: 'mqtt.writeBytesPerSec', label: 'MQTT' },
        { metric: 'rest.writeBytesPerSec', label: 'Else' },
      ],
    }),
  ];
  const section = card('io', 'Disk I/O', table.element, figures.element, h('div', { class: 'columns' }, charts.map(({ element }) => element)));
  return {
    ...section,
    /** @param {Schemas['IoBody']} io */
    update(io) {
      table.update(ioRows(io));
      const missing = io.missing ?? {};
      figures.update([
        { label: 'Waiting for the disk', text: pressureText(io.pressure), hint: missing.pressure ?? 'some task, of the last 10 s (PSI)' },
        { label: 'Free on the disk', text: bytes(io.freeBytes), hint: missing.freeBytes ?? '' },
      ]);
      section.setNote(io.sampledAt ? `Rates of the second before ${clockTime(parseUtc(io.sampledAt))}. Who looks, and how often, changes none of them.` : null);
    },
    /** @param {number | undefined} uptimeS of the server */
    start: (uptimeS) => charts.forEach((chart) => chart.start(uptimeS)),
    stop: () => charts.forEach((chart) => chart.stop()),
  };
}

/** With a sign, so that colour is not all that says it. @param {string} text @param {unknown} tone */
export const marked = (text, tone) => (tone ? `⚠ ${text}` : text);
