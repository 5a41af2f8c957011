// The packet list: asked of the API, kept new by the live feed, and by asking where that is gone.

import { get } from '../shared/api.js';
import { h, setAttribute, setText } from '../shared/dom.js';
import { listen } from '../shared/feed.js';
import { count, fixed, plural } from '../shared/format.js';
import { freshnessLine } from '../shared/freshness.js';
import { startPoll } from '../shared/poll.js';
import { shown } from '../shared/safe_text.js';
import { makeTable } from '../shared/table.js';
import { agoText, isoTitle } from '../shared/time_text.js';
import { askedOf, filtersOf, isLive, passes, queryOf } from './filters.js';
import { routeName, typeName } from './names.js';
import { filterForm } from './packet_filters.js';
import { pager } from './pager.js';
import { merged, rowOf } from './rows.js';

/**
 * @typedef {import('./rows.js').PacketRow} PacketRow
 * @typedef {import('./filters.js').Filters} Filters
 */

/** How often is looked whether there is something to do. */
const LOOK_MS = 5000;
/** With the feed, only now and then: counts that it does not tell. */
const ASK_WITH_FEED_MS = 30_000;
/** Messages of the feed are drawn together. */
const DRAW_MS = 300;

/** @type {import('../shared/table.js').Column<PacketRow>[]} */
const COLUMNS = [
  { key: 'time', label: 'Heard', class: 'nowrap time', text: ({ latestMs }) => agoText(latestMs), hint: ({ latestMs }) => isoTitle(latestMs) },
  { key: 'type', label: 'Type', class: 'nowrap wide', text: ({ type }) => typeName(type) },
  { key: 'what', label: 'Packet', class: 'told', isHeader: true, text: () => '', make: () => h('div', {}, h('a'), h('div', { class: 'narrow note' })), update: fillWhat },
  { key: 'receptions', label: 'Receptions', isNumber: true, text: ({ receptions }) => count(receptions) },
  { key: 'observer', label: 'Best observer', class: 'told wide', text: ({ observer }) => shown(observer, 60) },
  { key: 'regions', label: 'Regions', class: 'widest', text: ({ regions }) => shown(regions.join(', '), 40) },
  { key: 'hops', label: 'Hops', isNumber: true, text: ({ hops }) => count(hops) },
  { key: 'snr', label: 'SNR', isNumber: true, title: 'dB, of the best reception', text: ({ snr }) => fixed(snr, 1) },
  { key: 'rssi', label: 'RSSI', isNumber: true, class: 'wide', title: 'dBm, of the best reception', text: ({ rssi }) => fixed(rssi, 0) },
  { key: 'route', label: 'Route', class: 'widest', text: ({ route }) => routeName(route) },
  { key: 'bytes', label: 'Bytes', isNumber: true, class: 'wide', text: ({ bytes }) => count(bytes) },
  { key: 'hash', label: 'Hash', class: 'mono nowrap widest', text: ({ hash }) => shown(hash, 16) },
];

/** On a phone there is no column for the type. @param {HTMLElement} place @param {PacketRow} row */
function fillWhat(place, { what, hash, type }) {
  const [link, kind] = /** @type {HTMLElement[]} */ ([...place.children]);
  setText(/** @type {Node} */ (link), what || shown(hash, 16) || 'unknown');
  setAttribute(/** @type {Element} */ (link), 'href', hash ? `/packets/${encodeURIComponent(hash)}` : null);
  setText(/** @type {Node} */ (kind), typeName(type));
}

/** @param {HTMLElement} root @param {import('../pages.js').PageContext} context */
export function mountList(root, context) {
  let filters = filtersOf(context.query);
  /** @type {PacketRow[]} */
  let rows = [];
  let total = 0;
  let askedMs = 0;
  let isPaused = false;
  let missed = 0;
  let dropped = 0;
  let isAskDue = true;
  /** @type {import('../shared/feed.js').FeedState} */
  let feed = 'connecting';

  const age = freshnessLine();
  const live = h('p', { class: 'live', role: 'status' });
  const pause = h('button', { type: 'button', on: { click: () => setPaused(!isPaused) } }, 'Pause');
  const table = makeTable({
    caption: 'Packets', isCaptionHidden: true, columns: COLUMNS, rowKey: ({ hash }) => hash, class: 'packets',
    rowTone: ({ isNew }) => (isNew ? 'new' : null), empty: 'Asking the server…',
  });
  const pages = pager((offset) => change({ ...filters, offset }));
  const form = filterForm(filters, (next) => change(next));
  root.append(
    h('div', { class: 'head' }, h('h1', {}, 'Packets'), age.element, h('div', { class: 'buttons' }, live, pause)),
    h('section', { class: 'card', 'aria-label': 'Packets' }, form.element, table.element, pages.element),
  );

  const draw = () => {
    table.update(rows);
    pages.update({ offset: filters.offset, size: filters.size, shown: rows.length, total });
    setText(live, liveText());
    setAttribute(live, 'data-kind', isPaused || !isLive(filters) ? 'paused' : feed);
    pause.hidden = !isLive(filters);
    setText(pause, isPaused ? 'Resume' : 'Pause');
  };
  const liveText = () => {
    if (!isLive(filters)) return 'Live on the first page, newest first';
    if (isPaused) return missed === 0 ? 'Paused' : `Paused, ${plural(missed, 'reception')} since`;
    const lost = dropped === 0 ? '' : `, ${count(dropped)} were too many`;
    if (feed === 'open') return `Live${lost}`;
    return feed === 'connecting' ? 'Connecting…' : `No live feed, asking every ${LOOK_MS / 1000} s`;
  };

  /** @param {Filters} next */
  const change = (next) => {
    filters = next;
    const query = queryOf(next).toString();
    history.pushState(null, '', query === '' ? location.pathname : `${location.pathname}?${query}`);
    rows = [];
    missed = 0;
    isPaused = false;
    table.setEmpty('Asking the server…');
    draw();
    ask();
  };
  const ask = () => {
    isAskDue = true;
    poll.refresh();
  };
  /** @param {boolean} next */
  const setPaused = (next) => {
    isPaused = next;
    missed = 0;
    draw();
    if (!next) ask();
  };

  /** @param {AbortSignal} signal */
  const task = async (signal) => {
    const isOld = Date.now() - askedMs > ASK_WITH_FEED_MS;
    if (isPaused || !(isAskDue || feed !== 'open' || isOld)) return draw();
    /** @type {Filters} */
    let asked;
    do {
      asked = filters;
      isAskDue = false;
      /** @type {any} */
      const list = await get('/api/packets', { query: askedOf(asked), signal });
      if (asked !== filters || isPaused) continue;
      rows = list.packets.map(rowOf);
      total = list.total;
      askedMs = Date.now();
    } while (asked !== filters);
    table.setEmpty(Object.keys(filters.fields).length === 0 && filters.offset === 0 ? 'No packet yet.' : 'No packet passes these filters.');
    return draw();
  };
  const poll = startPoll({
    everyMs: LOOK_MS, task,
    onState(state) {
      age.show(state);
      if (state.error !== null && rows.length === 0) table.setEmpty(`The packets cannot be read now: ${state.error}. Trying again.`);
    },
  });

  /** @type {any[]} */
  let waiting = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const take = () => {
    timer = undefined;
    const [packets, how] = [waiting, { isGrouped: filters.isGrouped, rowsMax: filters.size, nowMs: Date.now() }];
    waiting = [];
    if (!isLive(filters)) return;
    if (isPaused) missed += packets.length;
    for (const packet of isPaused ? [] : packets) {
      const isPassed = passes(filters, packet);
      if (isPassed === null) isAskDue = true;
      if (!isPassed) continue;
      const before = rows;
      rows = merged(rows, packet, how);
      if (!before.some(({ hash }) => hash === packet.hash)) total += 1;
    }
    draw();
  };
  const hush = listen({
    onMessage({ type, data }) {
      if (type === 'dropped') dropped += Number(data?.count) || 0;
      if (type !== 'packet' || !data) return;
      // A burst is drawn once; what does not fit on the page need not be kept.
      waiting = [...waiting, data].slice(-filters.size);
      timer ??= setTimeout(take, DRAW_MS);
    },
    onState(next) {
      feed = next;
      if (next === 'open') ask();
      draw();
    },
  });
  get('/api/observers').then(({ observers }) => form.offer(observers), () => {});
  draw();
  return () => {
    clearTimeout(timer);
    hush();
    poll.stop();
    age.stop();
  };
}
