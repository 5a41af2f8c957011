// Requests by route, slow ones, and what this page asked itself.

import { callTotals } from '../shared/api.js';
import { h, setText } from '../shared/dom.js';
import { card } from '../shared/figures.js';
import { count, dateTime, milliseconds, parseUtc, utcTime } from '../shared/format.js';
import { makeTable } from '../shared/table.js';
import { callTone, routeTone } from './thresholds.js';

/**
 * @typedef {import('../shared/api.js').Schemas} Schemas
 * @typedef {{ path: string, route: Schemas['RoutePerf'], totalMs: number }} RouteRow
 * @typedef {{ key: string, request: Schemas['SlowRequest'] }} SlowRow
 */

/** Routes with the time that all their requests took. @param {Schemas['Overview']['endpoints']} endpoints @returns {RouteRow[]} */
export const routeRows = (endpoints) => Object.entries(endpoints)
  .map(([path, route]) => ({ path, route, totalMs: Math.round(route.count * route.avgMs) }))
  .sort((a, b) => b.totalMs - a.totalMs);

/** @param {() => void} commanded after a command was given */
export function requestsSection(commanded) {
  const table = makeTable({
    caption: 'Requests by route', isCaptionHidden: true, rowKey: ({ path }) => path, empty: 'No request has been counted.',
    order: { key: 'total', isDescending: true },
    rowTone: ({ route }) => routeTone(route.p95Ms),
    columns: [
      { key: 'path', label: 'Route', isHeader: true, class: 'mono', text: (/** @type {RouteRow} */ { path }) => (path === '/' ? '(no such route)' : path), sort: ({ path }) => path },
      { key: 'total', label: 'Total', isNumber: true, text: ({ totalMs }) => milliseconds(totalMs), sort: ({ totalMs }) => totalMs },
      { key: 'count', label: 'Count', isNumber: true, text: ({ route }) => count(route.count), sort: ({ route }) => route.count },
      { key: 'avg', label: 'Mean', isNumber: true, text: ({ route }) => milliseconds(route.avgMs), sort: ({ route }) => route.avgMs },
      { key: 'p50', label: 'p50', isNumber: true, text: ({ route }) => milliseconds(route.p50Ms), sort: ({ route }) => route.p50Ms },
      { key: 'p95', label: 'p95', isNumber: true, text: ({ route }) => milliseconds(route.p95Ms), sort: ({ route }) => route.p95Ms, tone: ({ route }) => routeTone(route.p95Ms) },
      { key: 'p99', label: 'p99', isNumber: true, text: ({ route }) => milliseconds(route.p99Ms), sort: ({ route }) => route.p99Ms },
      { key: 'max', label: 'Longest', isNumber: true, text: ({ route }) => milliseconds(route.maxMs), sort: ({ route }) => route.maxMs },
      { key: 'failed', label: 'Failed', isNumber: true, title: 'Answers 5xx', text: ({ route }) => count(route.statuses['5xx'] ?? 0), sort: ({ route }) => route.statuses['5xx'] ?? 0, tone: ({ route }) => (route.statuses['5xx'] ? 'bad' : null) },
    ],
  });
  const outcome = h('p', { class: 'note', role: 'status' });
  const section = card('requests', 'Requests', table.element, outcome);
  section.head.append(h('div', { class: 'buttons' }, h('button', {
    type: 'button',
    on: {
      async click() {
        const told = await (await import('./commands.js')).resetRequests();
        if (told) setText(outcome, told.text);
        if (told?.isDone) commanded();
      },
    },
  }, 'Count anew')));
  return {
    ...section,
    /** @param {Schemas['Overview']} perf */
    update(perf) {
      table.update(routeRows(perf.endpoints));
      section.setNote(`${count(perf.totalRequests)} requests, ${milliseconds(perf.avgMs)} on the average. Percentiles are of recent requests.`);
    },
  };
}

export function slowSection() {
  const table = makeTable({
    caption: 'Slow requests, the latest first', isCaptionHidden: true, rowKey: ({ key }) => key, empty: 'None took longer than 100 ms.',
    columns: [
      { key: 'time', label: 'When', class: 'nowrap', text: (/** @type {SlowRow} */ { request }) => dateTime(parseUtc(request.time)), hint: ({ request }) => utcTime(parseUtc(request.time)) },
      { key: 'path', label: 'Path', class: 'mono', text: ({ request }) => request.path },
      { key: 'ms', label: 'Took', isNumber: true, text: ({ request }) => milliseconds(request.ms) },
      { key: 'status', label: 'Status', isNumber: true, text: ({ request }) => String(request.status), tone: ({ request }) => (request.status >= 500 ? 'bad' : null) },
    ],
  });
  const section = card('slow', 'Slow requests', table.element);
  return {
    ...section,
    /** @param {Schemas['SlowRequest'][]} slow oldest first */
    update(slow) {
      /** @type {Map<string, number>} */
      const seen = new Map();
      const rows = slow.map((request) => {
        const name = `${request.time} ${request.path} ${request.ms}`;
        seen.set(name, (seen.get(name) ?? 0) + 1);
        return { key: `${name} ${seen.get(name)}`, request };
      });
      table.update(rows.reverse());
    },
  };
}

export function callsSection() {
  const table = makeTable({
    caption: 'What this page asked', isCaptionHidden: true, rowKey: ({ path }) => path,
    rowTone: ({ maxMs, totalMs, count: calls }) => callTone(maxMs, totalMs / calls),
    columns: [
      { key: 'path', label: 'Path', isHeader: true, class: 'mono', text: (/** @type {import('../shared/api.js').CallTotals} */ { path }) => path },
      { key: 'total', label: 'Total', isNumber: true, text: ({ totalMs }) => milliseconds(totalMs) },
      { key: 'count', label: 'Count', isNumber: true, text: ({ count: calls }) => count(calls) },
      { key: 'avg', label: 'Mean', isNumber: true, text: ({ totalMs, count: calls }) => milliseconds(totalMs / calls) },
      { key: 'max', label: 'Longest', isNumber: true, text: ({ maxMs }) => milliseconds(maxMs) },
    ],
  });
  const section = card('calls', 'Asked by this page', table.element);
  section.setNote('The last 200 requests of this tab, as long as they took for it. Nothing is kept between them.');
  return { ...section, update: () => table.update(callTotals()) };
}
