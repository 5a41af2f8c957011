// Observers: the list, or one observer (`/observers/{id}`).

import { figure, nameColumn, timeColumn, timeFigure } from '../mesh/cells.js';
import { mountEntity } from '../mesh/entity.js';
import { mountWholeList } from '../mesh/whole_list.js';
import { get } from '../shared/api.js';
import { h, setText } from '../shared/dom.js';
import { makeFigures } from '../shared/figures.js';
import { count, duration, fixed, isNumber, parseUtc, UNKNOWN } from '../shared/format.js';
import { shortKey, shown } from '../shared/safe_text.js';

/** @typedef {import('../shared/api.js').Schemas['ObserverRow']} Observer */

const EVERY_MS = 30_000;
/** Older than that, and it is said to be silent. */
const SILENT_MS = 600_000;

const nameOf = (/** @type {Observer} */ observer) => shown(observer.name, 60) || shortKey(observer.id);
const seenOf = (/** @type {Observer} */ observer) => parseUtc(observer.last_seen);
const isSilent = (/** @type {Observer} */ observer) => Date.now() - (seenOf(observer) ?? 0) > SILENT_MS;
const volts = (/** @type {number | null | undefined} */ mv) => (isNumber(mv) ? `${fixed(mv / 1000, 2)} V` : UNKNOWN);
const noise = (/** @type {Observer} */ observer) => (isNumber(observer.noise_floor) ? `${fixed(observer.noise_floor, 0)} dBm` : UNKNOWN);

const unknownHint = (/** @type {(observer: Observer) => string} */ text) => (/** @type {Observer} */ observer) => (text(observer) === UNKNOWN ? 'not known' : null);
const battery = (/** @type {Observer} */ observer) => volts(observer.battery_mv);
const uptime = (/** @type {Observer} */ observer) => duration(observer.uptime_secs);

/** @type {import('../shared/table.js').Column<Observer>[]} */
const COLUMNS = [
  nameColumn({
    label: 'Name', name: nameOf, isSorted: true, link: ({ id }) => `/observers/${encodeURIComponent(id)}`,
    below: ({ iata, packetsLastHour }) => `${shown(iata, 12) || 'no region'} · ${count(packetsLastHour)} in the last hour`,
  }),
  { key: 'region', label: 'Region', class: 'w-m from-m', text: ({ iata }) => shown(iata, 12) || UNKNOWN, sort: ({ iata }) => iata },
  timeColumn({ key: 'seen', label: 'Last seen (UTC)', isSorted: true, ms: seenOf, tone: (observer) => (isSilent(observer) ? 'warn' : null) }),
  { key: 'hour', label: 'Last hour', title: 'receptions', isNumber: true, class: 'w-m from-m', text: (observer) => count(observer.packetsLastHour), sort: (observer) => observer.packetsLastHour },
  { key: 'all', label: 'Receptions', isNumber: true, class: 'w-m from-m', text: (observer) => count(observer.packet_count), sort: (observer) => observer.packet_count },
  { key: 'noise', label: 'Noise floor', isNumber: true, class: 'w-m from-m', text: noise, hint: unknownHint(noise), sort: (observer) => observer.noise_floor },
  { key: 'battery', label: 'Battery', isNumber: true, class: 'w-m from-l', text: battery, hint: unknownHint(battery), sort: (observer) => observer.battery_mv },
  { key: 'uptime', label: 'Running for', isNumber: true, class: 'w-l from-l', text: uptime, hint: unknownHint(uptime), sort: (observer) => observer.uptime_secs },
  { key: 'clock', label: 'Clock', class: 'w-l from-l', text: clockText, tone: ({ clock_naive: isNaive }) => (isNaive ? 'warn' : null) },
  { key: 'model', label: 'Model', class: 'w-name from-xl', text: ({ model }) => shown(model, 40) || UNKNOWN, hint: ({ model }) => shown(model, 120) || 'not known', sort: ({ model }) => model },
  { key: 'firmware', label: 'Firmware', class: 'w-name from-xl', text: ({ firmware }) => shown(firmware, 30) || UNKNOWN, hint: ({ firmware }) => shown(firmware, 120) || 'not known', sort: ({ firmware }) => firmware },
];

/** @param {Observer} observer */
function clockText(observer) {
  if (!observer.clock_naive) return 'no fault seen';
  return isNumber(observer.clock_skew_seconds) ? `off by ${duration(Math.abs(observer.clock_skew_seconds))}` : 'sends no zone';
}

/** @type {import('../pages.js').Mount} */
export function mount(root, context) {
  const [id] = context.rest;
  return id === undefined ? list(root, context) : detail(root, context, id);
}

/** @type {import('../pages.js').Mount} */
function list(root, context) {
  const figures = makeFigures();
  return mountWholeList(root, context, {
    title: 'Observers', noun: 'observer', columns: COLUMNS, order: { key: 'seen', isDescending: true }, everyMs: EVERY_MS,
    rowKey: ({ id }) => id, searchHint: 'name, id, region, model', above: figures.element,
    textOf: ({ id, name, iata, model, firmware }) => [name, id, iata, model, firmware].map((text) => (text ?? '').slice(0, 200)).join(' '),
    choices: [{
      name: 'state', label: 'Show', options: [['', 'All'], ['heard', 'Heard within 10 min'], ['silent', 'Silent']],
      keeps: (observer, value) => isSilent(observer) === (value === 'silent'),
    }],
    async ask(signal) {
      const { observers } = await get('/api/observers', { signal });
      const regions = new Set(observers.map(({ iata }) => iata).filter(Boolean));
      figures.update([
        { label: 'Observers', text: count(observers.length) },
        { label: 'Heard within 10 min', text: count(observers.filter((observer) => !isSilent(observer)).length) },
        { label: 'Receptions, last hour', text: count(observers.reduce((sum, observer) => sum + observer.packetsLastHour, 0)) },
        { label: 'Regions', text: count(regions.size) },
      ]);
      return observers;
    },
  });
}

/** @param {HTMLElement} root @param {import('../pages.js').PageContext} context @param {string} id */
function detail(root, context, id) {
  return mountEntity(root, {
    back: { href: '/observers', text: 'All observers' }, everyMs: EVERY_MS,
    missing: 'There is no such observer: it may be hidden or unknown.',
    ask: (signal) => get('/api/observers/{id}', { path: { id }, signal }),
    draw(observer, { title, key, links, figures }) {
      setText(title, nameOf(observer));
      context.setTitle(nameOf(observer));
      setText(key, shown(observer.id, 130));
      const [seen, first, packet] = [observer.last_seen, observer.first_seen, observer.last_packet_at].map((text) => parseUtc(text));
      figures.update([
        timeFigure('Last seen', seen, { tone: isSilent(observer) ? 'warn' : null }),
        timeFigure('Last packet', packet),
        timeFigure('First seen', first),
        figure('Receptions', count(observer.packet_count), { hint: `${count(observer.packetsLastHour)} in the last hour` }),
        figure('Region', shown(observer.iata, 12) || UNKNOWN),
        figure('Noise floor', noise(observer)),
        figure('Battery', battery(observer)),
        figure('Running for', uptime(observer)),
        figure('Clock', clockText(observer), { hint: observer.clock_naive ? `${count(observer.clock_skew_count_24h)} times in 24 h` : '', tone: observer.clock_naive ? 'warn' : null }),
        figure('Passes packets on', canRelay(observer)),
        figure('Radio', radioText(observer.radio), { hint: 'MHz, kHz, SF, CR' }),
        figure('Model', shown(observer.model, 40) || UNKNOWN),
        figure('Firmware', shown(observer.firmware, 40) || UNKNOWN),
        figure('Client', shown(observer.client_version, 40) || UNKNOWN),
      ]);
      links.replaceChildren(h('a', { href: `/packets?observer=${encodeURIComponent(observer.id)}` }, 'What it heard'), ' ',
        h('a', { href: `/nodes/${encodeURIComponent(observer.id.toLowerCase())}` }, 'The node of the same key'));
    },
  });
}

/** @param {Observer} observer */
function canRelay({ can_relay: can }) {
  if (can === null || can === undefined) return UNKNOWN;
  return can ? 'yes' : 'no';
}

/** @param {string | null | undefined} radio */
function radioText(radio) {
  return shown((radio ?? '').split(',').map((part) => part.trim()).join(', '), 40) || UNKNOWN;
}
