// The packet list: asked of the API, kept new by the live feed, and by asking where that is gone.

import { get } from '../shared/api.js';
import { h, setAttribute, setText } from '../shared/dom.js';
import { listen } from '../shared/feed.js';
import { count, fixed } from '../shared/format.js';
import { freshnessLine } from '../shared/freshness.js';
import { startPoll } from '../shared/poll.js';
import { shown } from '../shared/safe_text.js';
import { makeTable } from '../shared/table.js';
import { fillType, shortRoute, timeColumn, typeBadge } from './cells.js';
import { askedOf, filtersOf, isLive, passes, queryOf } from './filters.js';
import { holdOf } from './hold.js';
import { liveText } from './live_text.js';
import { routeName } from './names.js';
import { filterForm } from './packet_filters.js';
import { pager } from './pager.js';
import { merged, rowOf } from './rows.js';
import { hopsText } from './short_text.js';

/**
 * @typedef {import('./rows.js').PacketRow} PacketRow
 * @typedef {import('./filters.js').Filters} Filters
 */

/** How often is looked whether there is something to do. */
const LOOK_MS = 5000;
/** A list of rare packets may take a busy server longer than the next look. */
const ANSWER_MS = 20_000;
/** With the feed, only now and then: counts that it does not tell. */
const ASK_WITH_FEED_MS = 30_000;
/** Messages of the feed are drawn together. */
const DRAW_MS = 300;

/** A pointer that moves in the list keeps it as it is for so long: nothing jumps from under it. */
const HOLD_MS = 3000;

/** @type {import('../shared/table.js').Column<PacketRow>[]} */
const COLUMNS = [
  timeColumn({ key: 'time', label: 'Heard (UTC)', ms: ({ latestMs }) => latestMs }),
  { key: 'type', label: 'Type', class: 'w-type from-m', text: () => '', make: () => typeBadge(), update: (badge, { type }) => fillType(badge, type) },
  { key: 'what', label: 'Packet', class: 'told', isHeader: true, text: () => '', make: makeWhat, update: fillWhat, hint: ({ what, hash }) => what || hash },
  { key: 'observer', label: 'Best observer', class: 'told w-name from-l', text: ({ observer }) => shown(observer, 60), hint: ({ observer }) => shown(observer, 120) },
  { key: 'regions', label: 'Regions', class: 'w-m from-l', text: ({ regions }) => shown(regions.join(' '), 40), hint: ({ regions }) => shown(regions.join(', '), 120) },
  { key: 'receptions', label: 'Heard', isNumber: true, class: 'w-s from-m', title: 'receptions', text: ({ receptions }) => `${count(receptions)} ×` },
  { key: 'hops', label: 'Hops', isNumber: true, class: 'w-s from-m', title: 'of the best reception', text: ({ hops }) => count(hops) },
  { key: 'snr', label: 'SNR', isNumber: true, class: 'w-s from-m', title: 'dB, of the best reception', text: ({ snr }) => fixed(snr, 1) },
  { key: 'rssi', label: 'RSSI', isNumber: true, class: 'w-s from-m', title: 'dBm, of the best reception', text: ({ rssi }) => fixed(rssi, 0) },
  { key: 'bytes', label: 'Bytes', isNumber: true, class: 'w-s from-l', text: ({ bytes }) => count(bytes) },
  { key: 'route', label: 'Route', class: 'w-m from-l', text: ({ route }) => shortRoute(route), hint: ({ route }) => routeName(route) },
  { key: 'hash', label: 'Hash', class: 'mono w-hash from-xl', text: ({ hash }) => shown(hash, 16) },
];

/** @returns {HTMLElement} */
function makeWhat() {
  return h('div', {}, h('a', { class: 'cut' }), h('div', { class: 'below note' }, typeBadge(), h('span')));
}

/** On a phone there are no columns but this. @param {HTMLElement} place @param {PacketRow} row */
function fillWhat(place, { what, hash, type, hops, snr, receptions }) {
  const [link, below] = /** @type {HTMLElement[]} */ ([...place.children]);
  setText(/** @type {Node} */ (link), what || shown(hash, 16) || 'unknown');
  setAttribute(/** @type {Element} */ (link), 'href', hash ? `/packets/${encodeURIComponent(hash)}` : null);
  fillType(/** @type {Element} */ (below?.firstElementChild), type);
  const heard = `${count(receptions)} × · ${hopsText(hops)}`;
  setText(/** @type {Node} */ (below?.lastElementChild), snr === null ? heard : `${heard} · ${fixed(snr, 1)} dB`);
}

/** @param {HTMLElement} root @param {import('../pages.js').PageContext} context */
export function mountList(root, context) {
  let filters = filtersOf(context.query);
  /** @type {PacketRow[]} */
  let rows = [];
  let total = 0;
  let askedMs = 0;
  let heardMs = 0;
  let isPaused = false;
  let missed = 0;
  let dropped = 0;
  let isAskDue = true;
  /** @type {import('../shared/feed.js').FeedState} */
  let feed = 'connecting';
  /** @type {import('./live_text.js').LiveState['gap']} */
  let gap = null;
  /** Of observers. @type {Map<string, string | null>} */
  const regions = new Map();

  const age = freshnessLine();
  const live = h('p', { class: 'live', role: 'status' });
  const pause = h('button', { type: 'button', class: 'steady', on: { click: () => setPaused(!isPaused) } }, 'Pause');
  const table = makeTable({
    caption: 'Packets', isCaptionHidden: true, columns: COLUMNS, rowKey: ({ hash }) => hash, class: 'list',
    rowTone: ({ isNew }) => (isNew ? 'new' : null), empty: 'Asking the server…',
  });
  const hold = holdOf(table.body, { pointerMs: HOLD_MS, onFree: () => missed > 0 && !isPaused && catchUp() });
  const pages = pager((offset) => change({ ...filters, offset }));
  const form = filterForm(filters, (next) => change(next));
  root.append(
    h('div', { class: 'head' }, h('h1', {}, 'Packets'), age.element, h('div', { class: 'buttons' }, live, pause)),
    h('section', { class: 'card', 'aria-label': 'Packets' }, form.element, table.element, pages.element),
  );

  const draw = () => {
    const isOnLivePage = isLive(filters);
    const state = { isOnLivePage, isPaused, isHeld: hold.isHeld() && missed > 0, missed, dropped, feed, gap, everyS: LOOK_MS / 1000 };
    const { kind, text } = liveText(state, Date.now());
    table.update(rows);
    pages.update({ offset: filters.offset, size: filters.size, shown: rows.length, total: Math.max(total, filters.offset + rows.length) });
    setText(live, text);
    setAttribute(live, 'data-kind', kind);
    pause.hidden = !isOnLivePage;
    setText(pause, isPaused ? 'Resume' : 'Pause');
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
  const catchUp = () => {
    missed = 0;
    draw();
    ask();
  };
  /** @param {boolean} next */
  const setPaused = (next) => {
    isPaused = next;
    missed = 0;
    draw();
    if (!next) ask();
  };

  /** What came in while the list was asked for: the answer may be older. @type {any[]} */
  let sinceAsked = [];
  /** @param {AbortSignal} signal */
  const task = async (signal) => {
    const isOld = Date.now() - askedMs > ASK_WITH_FEED_MS;
    const isStill = isPaused || (hold.isHeld() && rows.length > 0);
    if (isStill || !(isAskDue || feed !== 'open' || isOld)) return draw();
    /** @type {Filters} */
    let asked;
    do {
      asked = filters;
      isAskDue = false;
      sinceAsked = [];
      /** @type {any} */
      const list = await get('/api/packets', { query: askedOf(asked), signal });
      if (asked !== filters || isPaused) continue;
      rows = list.packets.map(rowOf);
      total = list.total;
      askedMs = Date.now();
      sinceAsked.forEach(add);
    } while (asked !== filters);
    table.setEmpty(Object.keys(filters.fields).length === 0 && filters.offset === 0 ? 'No packet yet. What is heard appears here by itself.' : 'No packet passes these filters.');
    return draw();
  };
  const poll = startPoll({
    everyMs: LOOK_MS, limitMs: ANSWER_MS, task,
    onState(state) {
      // Of what is shown, not of the last look whether there is something to ask.
      age.show({ ...state, lastOkMs: Math.max(askedMs, feed === 'open' ? heardMs : 0) || null });
      if (state.error !== null && rows.length === 0) table.setEmpty(`The packets cannot be read now: ${state.error}. Trying again.`);
    },
  });

  /** @param {any} told the feed does not name the region */
  const add = (told) => {
    const packet = { observer_iata: regions.get(told.observer_id), ...told };
    const isPassed = passes(filters, packet);
    if (isPassed === null) isAskDue = true;
    if (!isPassed) return;
    rows = merged(rows, packet, { isGrouped: filters.isGrouped, rowsMax: filters.size, nowMs: Date.now() });
  };
  /** @type {any[]} */
  let waiting = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const take = () => {
    timer = undefined;
    const packets = waiting;
    waiting = [];
    if (!isLive(filters)) return;
    sinceAsked = [...sinceAsked, ...packets].slice(-filters.size);
    if (isPaused || hold.isHeld()) missed += packets.filter((packet) => passes(filters, packet) !== false).length;
    else packets.forEach(add);
    draw();
  };
  const hush = listen({
    onMessage({ type, data }) {
      if (type === 'dropped') {
        dropped += Number(data?.count) || 0;
        isAskDue = true;
      }
      if (type !== 'packet' || !data) return;
      heardMs = Date.now();
      // A burst is drawn once; what does not fit on the page is asked for.
      if (waiting.length >= filters.size) isAskDue = true;
      waiting = [...waiting, data].slice(-filters.size);
      timer ??= setTimeout(take, DRAW_MS);
    },
    onState(next) {
      if (next === 'open') {
        if (gap !== null) gap = { ...gap, toMs: Date.now() };
        ask();
      } else if (feed === 'open') gap = { fromMs: Date.now(), toMs: null };
      else if (gap?.toMs) gap = { ...gap, toMs: null };
      feed = next;
      draw();
    },
  });
  get('/api/observers').then(({ observers }) => {
    form.offer(observers);
    for (const { id, iata } of observers) regions.set(id, iata ?? null);
  }, () => {});
  draw();
  return () => {
    clearTimeout(timer);
    hold.stop();
    hush();
    poll.stop();
    age.stop();
  };
}
