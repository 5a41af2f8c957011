// The start page: where to go, a few figures, the last packets and the live feed.

import { get } from '../shared/api.js';
import { h, setText } from '../shared/dom.js';
import { listen } from '../shared/feed.js';
import { makeFigures } from '../shared/figures.js';
import { clockTime, count, fixed, parseUtc, utcTime } from '../shared/format.js';
import { freshnessLine } from '../shared/freshness.js';
import { startPoll } from '../shared/poll.js';
import { makeTable } from '../shared/table.js';

const ROWS_MAX = 100;
const FIGURES_MS = 10_000;
const TYPES = [
  'REQ', 'RESPONSE', 'TXT_MSG', 'ACK', 'ADVERT', 'GRP_TXT', 'GRP_DATA', 'ANON_REQ',
  'PATH', 'TRACE', 'MULTIPART', 'CONTROL', '12', '13', '14', 'RAW_CUSTOM',
];

/** @typedef {{ key: string, packet: any, heardMs: number | null }} Row */

/** @param {string} text @returns {any} */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** What a packet says, in a few words. @param {any} packet */
function summary(packet) {
  const payload = parsed(packet.decoded_json ?? '') ?? {};
  if (payload.text) return `${payload.channel ?? 'direct'}: ${payload.text}`;
  return String(payload.name ?? payload.channelHashHex ?? '');
}

/** @param {any} packet */
function hops(packet) {
  const path = parsed(packet.path_json ?? '[]');
  return Array.isArray(path) ? path.length : 0;
}

/** @type {import('../shared/table.js').Column<Row>[]} */
const COLUMNS = [
  { key: 'time', label: 'Time', class: 'nowrap', text: ({ heardMs }) => clockTime(heardMs), hint: ({ heardMs }) => utcTime(heardMs) },
  { key: 'type', label: 'Type', text: ({ packet }) => TYPES[packet.payload_type] ?? '?' },
  { key: 'observer', label: 'Observer', text: ({ packet }) => packet.observer_name ?? packet.observer_id ?? '' },
  { key: 'hops', label: 'Hops', isNumber: true, text: ({ packet }) => count(hops(packet)) },
  { key: 'snr', label: 'SNR', isNumber: true, text: ({ packet }) => fixed(packet.snr, 1) },
  { key: 'what', label: 'What', text: ({ packet }) => summary(packet) },
  { key: 'hash', label: 'Hash', class: 'mono', text: ({ packet }) => packet.hash ?? '' },
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
