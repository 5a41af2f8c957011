// An hour of some series as a chart; as a table where the build holds no chart library.

import { get } from '../shared/api.js';
import { h, setText } from '../shared/dom.js';
import { UNKNOWN, clockTime, isNumber } from '../shared/format.js';
import { startPoll } from '../shared/poll.js';
import { loadStyle } from '../shared/style.js';
import { makeTable } from '../shared/table.js';
import { onTheme } from '../shared/theme.js';

/**
 * @typedef {{ metric: string, label: string }} Line
 * @typedef {{ title: string, lines: Line[], format: (value: number | null | undefined) => string, max?: number, isBytes?: boolean }} ChartOptions
 * @typedef {(number | null)[]} Column
 * @typedef {{ element: HTMLElement, start: (uptimeS: number | null | undefined) => void, stop: () => void }} Chart
 * @typedef {{ label: string, now: number | null, least: number | null, mean: number | null, most: number | null }} Summary
 */

const HOUR_S = 3600;
/** A chart is this many steps wide at most: 75 seconds each once there is an hour. */
const POINTS = 48;
const STEP_LEAST_S = 2;
const EVERY_MS = 20_000;
const HEIGHT = 150;
/** A shorter time than that is told in seconds. */
const SHORT_S = 600;
/** Steps of an axis of bytes: round in KB and MB, not in thousands. */
const BYTE_STEPS = [0, 1, 2, 3].flatMap((power) => [1, 2, 4, 8, 10, 16, 20, 32, 50, 64, 100, 128, 200, 256, 500, 512].map((step) => step * 1024 ** power));

/** @type {Promise<any> | null} */
let library = null;

/** uPlot, or `null` in a build without it. */
function chartLibrary() {
  library ??= Promise.all([import(/** @type {string} */ ('../../vendor/uplot.js')), loadStyle('../vendor/uplot.css')])
    .then(([module]) => module.default, () => null);
  return library;
}

/** What a screen reader hears and a table shows instead of lines. @param {string} label @param {Column} values @returns {Summary} */
export function summaryOf(label, values) {
  const known = values.filter(isNumber);
  if (known.length === 0) return { label, now: null, least: null, mean: null, most: null };
  const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
  return { label, now: values.at(-1) ?? null, least: Math.min(...known), mean, most: Math.max(...known) };
}

/** Seconds of one step: a process that is young has short ones. @param {number} uptimeS */
export const stepOf = (uptimeS) => Math.max(STEP_LEAST_S, Math.ceil(Math.min(uptimeS, HOUR_S) / POINTS));

/**
 * Puts series side by side that were asked for one after the other: one row per step, `null` where
 * a series has nothing. Ends with the last step that all of them were asked about.
 * @param {{ atMs: number[], values: Column }[]} series
 * @param {number} stepS
 * @returns {[number[], ...Column[]]} seconds, then one column per series
 */
export function aligned(series, stepS) {
  const step = stepS * 1000;
  const steps = new Set(series.flatMap(({ atMs }) => atMs.map((at) => Math.floor(at / step))));
  const asked = series.filter(({ atMs }) => atMs.length > 0).map(({ atMs }) => Math.floor((atMs.at(-1) ?? 0) / step));
  const end = Math.min(...asked);
  const order = [...steps].filter((at) => at <= end).sort((a, b) => a - b);
  const columns = series.map(({ atMs, values }) => {
    const byStep = new Map(atMs.map((at, index) => [Math.floor(at / step), values[index] ?? null]));
    return order.map((at) => byStep.get(at) ?? null);
  });
  return [order.map((at) => at * stepS), ...columns];
}

/** Labels of the time axis. @param {number[]} splits @param {number[]} times seconds */
export function timesOf(splits, times) {
  const spanS = (times.at(-1) ?? 0) - (times[0] ?? 0);
  return splits.map((at) => clockTime(at * 1000).slice(0, spanS < SHORT_S ? 8 : 5));
}

/**
 * Once started, asks for data only while it can be seen.
 * @param {ChartOptions} options
 * @returns {Chart}
 */
export function makeChart({ title, lines, format, max, isBytes = false }) {
  const values = lines.map(() => new Text(UNKNOWN));
  const swatches = lines.map((_, index) => h('span', { class: `swatch series-${index + 1}`, 'aria-hidden': 'true' }));
  const legend = h('ul', { class: 'chart__legend' }, lines.map((line, index) =>
    h('li', {}, /** @type {Node} */ (swatches[index]), `${line.label} `, h('b', {}, /** @type {Text} */ (values[index])))));
  const plot = h('div', { class: 'chart__plot', role: 'img', 'aria-label': `${title}: nothing yet` });
  const note = h('p', { class: 'note', hidden: true });
  const element = h('figure', { class: 'chart' }, h('figcaption', {}, title), legend, plot, note);
  /** @type {any} */
  let drawn = null;
  /** @type {ReturnType<typeof makeTable<Summary>> | null} */
  let table = null;
  /** @type {[number[], ...Column[]]} */
  let data = [[], ...lines.map(() => [])];

  const colour = (/** @type {number} */ index) => getComputedStyle(/** @type {Element} */ (swatches[index])).backgroundColor;
  const muted = () => getComputedStyle(legend).color;
  const grid = () => getComputedStyle(element).borderTopColor;

  /** @param {number | null | undefined} index the row under the pointer; the last without one */
  const showValues = (index) => values.forEach((value, line) => {
    setText(value, format(data[line + 1]?.at(index ?? -1)));
  });

  const draw = async () => {
    const Plot = await chartLibrary();
    const summaries = lines.map(({ label }, index) => summaryOf(label, data[index + 1] ?? []));
    const spoken = summaries.map(({ label, now, most }) => `${label} ${format(now)} now, ${format(most)} at most`);
    plot.setAttribute('aria-label', `${title}, last hour: ${spoken.join('; ')}`);
    if (!drawn || drawn.cursor.idx === null || drawn.cursor.left < 0) showValues(null);
    if (Plot === null) return drawTable(summaries);
    if (drawn) return drawn.setData(data);
    drawn = new Plot(settings(), data, plot);
    return undefined;
  };

  /** @param {Summary[]} summaries */
  const drawTable = (summaries) => {
    if (!table) {
      table = makeTable({
        caption: `${title}, last hour`, isCaptionHidden: true, rowKey: ({ label }) => label,
        columns: [
          { key: 'label', label: 'Series', isHeader: true, text: ({ label }) => label },
          { key: 'now', label: 'Now', isNumber: true, text: ({ now }) => format(now) },
          { key: 'least', label: 'Least', isNumber: true, text: ({ least }) => format(least) },
          { key: 'mean', label: 'Mean', isNumber: true, text: ({ mean }) => format(mean) },
          { key: 'most', label: 'Most', isNumber: true, text: ({ most }) => format(most) },
        ],
      });
      plot.replaceWith(table.element);
      legend.hidden = true;
      note.hidden = false;
      setText(note, 'A table stands here, as this build holds no chart library (make build adds it).');
    }
    table.update(summaries);
  };

  const settings = () => ({
    width: Math.max(plot.clientWidth, 120),
    height: HEIGHT,
    padding: [8, 28, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { size: 6 } },
    hooks: { setCursor: [(/** @type {any} */ self) => showValues(self.cursor.left >= 0 ? self.cursor.idx : null)] },
    scales: { x: { range: (/** @type {any} */ _, /** @type {number} */ from, /** @type {number} */ to) => [Math.min(from, to - 60), to] }, y: { range: (/** @type {any} */ _, /** @type {number} */ least, /** @type {number} */ most) => [Math.min(0, least ?? 0), max ?? (most > 0 ? most * 1.1 : 1)] } },
    axes: [
      { stroke: muted, grid: { show: false }, ticks: { show: false }, font: '11px system-ui', size: 24, space: 76,
        values: (/** @type {any} */ _, /** @type {number[]} */ splits) => timesOf(splits, data[0]) },
      {
        ...(isBytes ? { incrs: BYTE_STEPS } : {}),
        stroke: muted, grid: { stroke: grid, width: 1 }, ticks: { show: false }, font: '11px system-ui', size: 74, space: 34,
        values: (/** @type {any} */ _, /** @type {number[]} */ splits) => splits.map(format),
      },
    ],
    series: [{}, ...lines.map((_, index) => ({ stroke: () => colour(index), width: 1.5, points: { show: false }, spanGaps: false }))],
  });

  /** When the server started, by this page's clock. */
  let startedMs = Date.now() - HOUR_S * 1000;
  const load = async (/** @type {AbortSignal} */ signal) => {
    const step = stepOf((Date.now() - startedMs) / 1000);
    const query = { seconds: HOUR_S, step };
    const series = await Promise.all(lines.map(({ metric }) => get('/api/perf/history', { query: { ...query, metric }, signal })));
    data = aligned(series.map(({ atMs, values: found }) => ({ atMs, values: /** @type {Column} */ (found) })), step);
    await draw();
  };

  /** @type {import('../shared/poll.js').Poll | null} */
  let poll = null;
  const seen = new IntersectionObserver((entries) => {
    const isSeen = entries.at(-1)?.isIntersecting ?? false;
    if (isSeen && !poll) {
      poll = startPoll({
        everyMs: EVERY_MS, task: load,
        onState({ error }) {
          if (table) return;
          note.hidden = error === null;
          setText(note, error === null ? '' : `The chart is old: ${error}.`);
        },
      });
    } else if (!isSeen) {
      poll?.stop();
      poll = null;
    }
  }, { rootMargin: '100px' });
  const resized = new ResizeObserver(() => drawn?.setSize({ width: Math.max(plot.clientWidth, 120), height: HEIGHT }));
  resized.observe(plot);
  const hush = onTheme(() => drawn?.redraw(false, true));
  return {
    element,
    start(uptimeS) {
      if (isNumber(uptimeS)) startedMs = Date.now() - uptimeS * 1000;
      seen.observe(element);
    },
    stop() {
      seen.disconnect();
      resized.disconnect();
      hush();
      poll?.stop();
      drawn?.destroy();
    },
  };
}
