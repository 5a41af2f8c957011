// One packet: what it says, byte by byte, and everybody who heard it.

import { ApiError, get, post } from '../shared/api.js';
import { h, setText } from '../shared/dom.js';
import { listen } from '../shared/feed.js';
import { card, makeFigures } from '../shared/figures.js';
import { count, fixed, isNumber, plural, UNKNOWN } from '../shared/format.js';
import { freshnessLine } from '../shared/freshness.js';
import { startPoll, textOf } from '../shared/poll.js';
import { shown } from '../shared/safe_text.js';
import { makeTable } from '../shared/table.js';
import { figure, fillType, shortRoute, timeColumn, timeFigure, typeBadge } from './cells.js';
import { hexView } from './hex_view.js';
import { parsed, routeName, summaryOf, typeName, visibleJson } from './names.js';
import { receptionsOf, rowOf } from './rows.js';

/** @typedef {import('./rows.js').Reception} Reception */

const EVERY_MS = 30_000;
const RECEPTIONS_MAX = 300;
const HOPS_SHOWN_MAX = 64;
const JSON_CHARS_MAX = 20_000;

/** @param {Reception['hops']} hops */
function pathOf(hops) {
  const names = hops.slice(0, HOPS_SHOWN_MAX).flatMap(({ hop, key }, index) => [
    ...(index === 0 ? [] : [' → ']),
    key ? h('a', { href: `/nodes/${encodeURIComponent(key)}`, title: key }, shown(hop, 8)) : shown(hop, 8),
  ]);
  return h('span', { class: 'mono' }, hops.length === 0 ? 'direct' : names);
}

/** @param {(reception: Reception) => void} show */
const columns = (show) => /** @type {import('../shared/table.js').Column<Reception>[]} */ ([
  timeColumn({ key: 'time', label: 'Heard (UTC)', isSorted: true, ms: ({ heardMs }) => heardMs }),
  {
    key: 'observer', label: 'Observer', class: 'told', isHeader: true, text: ({ observer }) => shown(observer, 60) || 'not known', hint: ({ observer }) => shown(observer, 120), sort: ({ observer }) => observer,
    link: ({ observerId }) => (observerId ? `/observers/${encodeURIComponent(observerId)}` : null),
  },
  { key: 'region', label: 'Region', class: 'w-m from-m', text: ({ region }) => shown(region, 12) || UNKNOWN, sort: ({ region }) => region },
  { key: 'snr', label: 'SNR', isNumber: true, class: 'w-s', title: 'dB', text: ({ snr }) => fixed(snr, 1), sort: ({ snr }) => snr },
  { key: 'rssi', label: 'RSSI', isNumber: true, class: 'w-s', title: 'dBm', text: ({ rssi }) => fixed(rssi, 0), sort: ({ rssi }) => rssi },
  { key: 'hops', label: 'Hops', isNumber: true, class: 'w-s', text: ({ hops }) => count(hops.length), sort: ({ hops }) => hops.length },
  { key: 'path', label: 'Path', class: 'path', text: () => '', make: ({ hops }) => pathOf(hops) },
  {
    key: 'bytes', label: 'Bytes', class: 'w-m from-m', text: () => '',
    make: (reception) => h('button', { type: 'button', class: 'quiet small', disabled: !reception.hex, 'aria-label': `Show the bytes that ${shown(reception.observer, 40)} heard`, on: { click: () => show(reception) } }, 'Show'),
  },
]);

/** @param {(number | null)[]} values @param {number} digits @param {string} unit */
function bestOf(values, digits, unit) {
  const known = values.filter(isNumber);
  return known.length === 0 ? UNKNOWN : `${fixed(known.reduce((best, value) => Math.max(best, value)), digits)} ${unit}`;
}

/** @param {HTMLElement} root @param {import('../pages.js').PageContext} context @param {string} id */
export function mountDetail(root, context, id) {
  const age = freshnessLine();
  const name = h('span', { class: 'mono' });
  const badge = typeBadge();
  const title = h('h1', { class: 'title' }, 'Packet ', name);
  const what = h('p', { class: 'told lead' });
  const figures = makeFigures();
  const view = hexView();
  const bytes = card('bytes', 'Bytes', view.element);
  const back = h('button', { type: 'button', class: 'quiet', hidden: true }, "Show the packet's own");
  bytes.head.append(back);
  const table = makeTable({ caption: 'Receptions', isCaptionHidden: true, class: 'list receptions', columns: columns((one) => showBytes(one)), rowKey: ({ key }) => key, order: { key: 'time', isDescending: false }, empty: 'Nobody is known to have heard it.' });
  const heard = card('receptions', 'Receptions', table.element);
  const json = h('pre', { class: 'json told', tabindex: '0' });
  const decoded = card('decoded', 'Decoded', json);
  const content = h('div', { class: 'stack', hidden: true }, what, figures.element, bytes.element, heard.element, decoded.element);
  const missing = h('p', { class: 'note', role: 'status' }, 'Asking the server…');
  badge.hidden = true;
  root.append(h('div', { class: 'head' }, title, badge, age.element,
    h('div', { class: 'buttons' }, h('a', { href: '/packets' }, 'All packets'))), missing, content);

  let ownHex = '';
  /** @type {string | null} */
  let shownHex = null;
  /** @param {string} hex @param {string | null} whose */
  const take = async (hex, whose) => {
    if (hex === shownHex) return;
    shownHex = hex;
    back.hidden = whose === null;
    try {
      const { breakdown } = await post('/api/decode', { body: { hex, breakdown: true }, signal: context.signal });
      if (shownHex !== hex) return;
      view.update(hex, breakdown.ranges);
      const many = plural(hex.length / 2, 'byte');
      const own = whose === null ? many : `${many} as ${whose} heard them`;
      bytes.setNote(breakdown.error ? `${own}. They are no whole packet: ${breakdown.error}.` : `${own}. Point at bytes, or go through them with the arrow keys.`, breakdown.error ? 'warn' : null);
    } catch (error) {
      shownHex = null;
      if (!context.signal.aborted) bytes.setNote(`The bytes cannot be taken apart now: ${textOf(error)}.`, 'warn');
    }
  };
  /** @param {Reception} reception */
  const showBytes = (reception) => {
    take(reception.hex ?? ownHex, shown(reception.observer, 60) || 'somebody');
    bytes.element.scrollIntoView({ block: 'start' });
  };
  back.addEventListener('click', () => take(ownHex, null));

  /** @param {any} body */
  const draw = (body) => {
    const { packet } = body;
    const row = rowOf(packet);
    const all = receptionsOf(body.observations ?? packet.observations ?? []);
    fillType(badge, row.type);
    badge.hidden = false;
    setText(name, row.hash);
    context.setTitle(`${typeName(row.type)} ${row.hash}`);
    const payload = parsed(packet.decoded_json);
    setText(what, summaryOf(payload));
    const observers = new Set(all.map(({ observerId }) => observerId)).size;
    const last = all.at(-1)?.heardMs ?? null;
    const first = all[0]?.heardMs ?? row.firstMs;
    figures.update([
      timeFigure('First heard', row.firstMs),
      figure('Receptions', count(all.length), { hint: `by ${plural(observers, 'observer')}` }),
      figure('Spread', last === null || first === null ? UNKNOWN : `${fixed((last - first) / 1000, 0)} s`, { hint: 'first to last reception' }),
      figure('Route', shortRoute(row.route), { hint: shortRoute(row.route) === routeName(row.route) ? '' : routeName(row.route) }),
      figure('Size', row.bytes === null ? UNKNOWN : plural(row.bytes, 'byte')),
      figure('Most hops', all.length === 0 ? count(row.hops) : count(Math.max(...all.slice(0, RECEPTIONS_MAX).map(({ hops }) => hops.length)))),
      figure('Best SNR', bestOf(all.map(({ snr }) => snr), 1, 'dB')),
      figure('Best RSSI', bestOf(all.map(({ rssi }) => rssi), 0, 'dBm')),
    ]);
    table.update(all.slice(0, RECEPTIONS_MAX));
    heard.setNote(all.length > RECEPTIONS_MAX ? `The first ${count(RECEPTIONS_MAX)} of ${count(all.length)}.` : null);
    const text = payload === null ? shown(packet.decoded_json ?? 'Nothing was decoded.', JSON_CHARS_MAX) : visibleJson(payload);
    setText(json, text.length > JSON_CHARS_MAX ? `${text.slice(0, JSON_CHARS_MAX)}…` : text);
    missing.hidden = true;
    content.hidden = false;
    ownHex = String(packet.raw_hex ?? '');
    if (ownHex === '') bytes.setNote('The bytes of this packet are not stored.');
    else if (back.hidden) take(ownHex, null);
  };

  let hash = id;
  const task = async (/** @type {AbortSignal} */ signal) => {
    try {
      const body = /** @type {any} */ (await get('/api/packets/{id}', { path: { id }, signal }));
      hash = String(body.packet.hash);
      draw(body);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) throw error;
      missing.hidden = false;
      content.hidden = true;
      setText(missing, 'There is no such packet: it may have been removed, or the address is wrong.');
    }
  };
  const poll = startPoll({
    everyMs: EVERY_MS, task,
    onState(state) {
      age.show(state);
      if (state.error !== null) setText(missing, `The packet cannot be read now: ${state.error}. Trying again.`);
    },
  });
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let soon;
  const hush = listen({
    onMessage({ type, data }) {
      if (type !== 'packet' || data?.hash !== hash) return;
      soon ??= setTimeout(() => {
        soon = undefined;
        poll.refresh();
      }, 1000);
    },
    onState() {},
  });
  return () => {
    clearTimeout(soon);
    hush();
    poll.stop();
    age.stop();
    view.stop();
  };
}

