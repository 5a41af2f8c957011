// The start page: where to go, a few figures, the last packets and the live feed.

import { hopsOf, parsed, summaryOf, typeName } from '../mesh/names.js';
import { get } from '../shared/api.js';
import { h, setText } from '../shared/dom.js';
import { listen } from '../shared/feed.js';
import { makeFigures } from '../shared/figures.js';
import { clockTime, count, fixed, parseUtc, utcTime } from '../shared/format.js';
import { freshnessLine } from '../shared/freshness.js';
import { startPoll } from '../shared/poll.js';
import { shown } from '../shared/safe_text.js';
import { makeTable } from '../shared/table.js';

const ROWS_MAX = 100;
const FIGURES_MS = 10_000;
/** @typedef {{ key: string, packet: any, heardMs: number | null }} Row */

/** @param {any} packet */
const what = (packet) => summaryOf(packet.decoded?.payload ?? parsed(packet.decoded_json));

/** @type {import('../shared/table.js').Column<Row>[]} */
const COLUMNS = [
  { key: 'time', label: 'Time', class: 'nowrap', text: ({ heardMs }) => clockTime(heardMs), hint: ({ heardMs }) => utcTime(heardMs) },
  { key: 'type', label: 'Type', text: ({ packet }) => typeName(packet.payload_type) },
  { key: 'observer', label: 'Observer', class: 'told', text: ({ packet }) => shown(packet.observer_name ?? packet.observer_id) },
  { key: 'hops', label: 'Hops', isNumber: true, text: ({ packet }) => count(hopsOf(packet.path_json).length) },
  { key: 'snr', label: 'SNR', isNumber: true, text: ({ packet }) => fixed(packet.snr, 1) },
  { key: 'what', label: 'What', class: 'told', text: ({ packet }) => what(packet) },
  {
    key: 'hash', label: 'Hash', class: 'mono', text: ({ packet }) => shown(packet.hash, 16),
    link: ({ packet }) => (packet.hash ? `/packets/${encodeURIComponent(packet.hash)}` : null),
  },
];

/** @type {import('../pages.js').Mount} */
export function mount(root) {
  const figures = makeFigures();
  const age = freshnessLine();
  const state = h('p', { class: 'note', role: 'status' }, 'Connecting…');
  const table = makeTable({
    caption: 'Packets, the latest first', columns: COLUMNS, rowKey: ({ key }) => key, empty: 'No packet yet.',
  });
  root.append(
    h('div', { class: 'head' }, h('h1', {}, 'CoreScope'), age.element),
    h('p', { class: 'note' }, h('a', { href: '/perf' }, 'Perf'), ': how this server does, and what is wrong with it. ',
      h('a', { href: '/packets' }, 'Packets'), ': filtered, and byte by byte. ',
      h('a', { href: '/api/docs' }, 'API'), ': everything that can be asked.'),
    figures.element,
    h('section', { class: 'card' }, state, table.element),
  );

  /** @type {Row[]} */
  let rows = [];
  let number = 0;
  let dropped = 0;
  const add = (/** @type {any} */ packet, /** @type {string} */ time) => {
    number += 1;
    rows = [{ key: String(number), packet, heardMs: parseUtc(time) }, ...rows].slice(0, ROWS_MAX);
  };
  const showLast = async () => {
    try {
      const answer = await get('/api/packets', { query: { limit: 30 } });
      rows = [];
      for (const packet of [...answer.packets].reverse()) add(packet, String(/** @type {any} */ (packet).timestamp));
      table.update(rows);
    } catch {
      setText(state, 'No answer from the server.');
    }
  };
  const hush = listen({
    onMessage({ type, data }) {
      if (type === 'packet') {
        add(data, data.timestamp ?? '');
        table.update(rows);
      }
      if (type === 'dropped') {
        dropped += data.count;
        setText(state, `Live; ${count(dropped)} packets were too many for this page.`);
      }
    },
    onState(now) {
      setText(state, { connecting: 'Connecting…', open: 'Live.', lost: 'Connection lost, trying again…', hidden: '' }[now]);
      if (now === 'open') showLast();
    },
  });
  const poll = startPoll({
    everyMs: FIGURES_MS,
    onState: age.show,
    async task(signal) {
      const stats = await get('/api/stats', { signal });
      figures.update([
        { label: 'Packets', text: count(stats.totalTransmissions) },
        { label: 'Receptions', text: count(stats.totalObservations) },
        { label: 'Receptions, last hour', text: count(stats.packetsLastHour) },
        { label: 'Active nodes', text: count(stats.totalNodes) },
        { label: 'Observers', text: count(stats.totalObservers) },
      ]);
    },
  });
  return () => {
    hush();
    poll.stop();
    age.stop();
  };
}
