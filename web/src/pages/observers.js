// Observers: the list, or one observer (`/observers/{id}`).

import { mountEntity } from '../mesh/entity.js';
import { mountWholeList } from '../mesh/whole_list.js';
import { get } from '../shared/api.js';
import { h, setText } from '../shared/dom.js';
import { makeFigures } from '../shared/figures.js';
import { count, duration, fixed, isNumber, parseUtc, UNKNOWN } from '../shared/format.js';
import { shortKey, shown } from '../shared/safe_text.js';
import { agoText, isoTitle } from '../shared/time_text.js';

/** @typedef {import('../shared/api.js').Schemas['ObserverRow']} Observer */

const EVERY_MS = 30_000;
/** Older than that, and it is said to be silent. */
const SILENT_MS = 600_000;

const nameOf = (/** @type {Observer} */ observer) => shown(observer.name, 60) || shortKey(observer.id);
const seenOf = (/** @type {Observer} */ observer) => parseUtc(observer.last_seen);
const isSilent = (/** @type {Observer} */ observer) => Date.now() - (seenOf(observer) ?? 0) > SILENT_MS;
const volts = (/** @type {number | null | undefined} */ mv) => (isNumber(mv) ? `${fixed(mv / 1000, 2)} V` : UNKNOWN);
const noise = (/** @type {Observer} */ observer) => (isNumber(observer.noise_floor) ? `${fixed(observer.noise_floor, 0)} dBm` : UNKNOWN);

/** @type {import('../shared/table.js').Column<Observer>[]} */
const COLUMNS = [
  { key: 'name', label: 'Name', isHeader: true, class: 'told', text: nameOf, link: ({ id }) => `/observers/${encodeURIComponent(id)}`, sort: (observer) => nameOf(observer).toLowerCase() },
  { key: 'region', label: 'Region', text: ({ iata }) => shown(iata, 12) || UNKNOWN, sort: ({ iata }) => iata },
  { key: 'seen', label: 'Last seen', class: 'nowrap', isNumber: true, text: (observer) => agoText(seenOf(observer)), hint: (observer) => isoTitle(seenOf(observer)), sort: seenOf, tone: (observer) => (isSilent(observer) ? 'warn' : null) },
  { key: 'hour', label: 'Last hour', title: 'receptions', isNumber: true, text: (observer) => count(observer.packetsLastHour), sort: (observer) => observer.packetsLastHour },
  { key: 'all', label: 'Receptions', isNumber: true, text: (observer) => count(observer.packet_count), sort: (observer) => observer.packet_count },
  { key: 'noise', label: 'Noise floor', isNumber: true, class: 'wide', text: noise, sort: (observer) => observer.noise_floor },
  { key: 'battery', label: 'Battery', isNumber: true, class: 'wide', text: (observer) => volts(observer.battery_mv), sort: (observer) => observer.battery_mv },
  { key: 'uptime', label: 'Running for', isNumber: true, class: 'wide', text: (observer) => duration(observer.uptime_secs), sort: (observer) => observer.uptime_secs },
  { key: 'clock', label: 'Clock', class: 'widest', text: clockText, tone: ({ clock_naive: isNaive }) => (isNaive ? 'warn' : null) },
  { key: 'model', label: 'Model', class: 'told widest', text: ({ model }) => shown(model, 40), sort: ({ model }) => model },
  { key: 'firmware', label: 'Firmware', class: 'told widest', text: ({ firmware }) => shown(firmware, 30), sort: ({ firmware }) => firmware },
];

/** @param {Observer} observer */
function clockText(observer) {
  if (!observer.clock_naive) return 'fine';
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
        { label: 'Last seen', text: agoText(seen), title: isoTitle(seen), tone: isSilent(observer) ? 'warn' : null },
        { label: 'Last packet', text: agoText(packet), title: isoTitle(packet) },
        { label: 'First seen', text: agoText(first), title: isoTitle(first) },
        { label: 'Receptions', text: count(observer.packet_count), hint: `${count(observer.packetsLastHour)} in the last hour` },
        { label: 'Region', text: shown(observer.iata, 12) || UNKNOWN },
        { label: 'Noise floor', text: noise(observer) },
        { label: 'Battery', text: volts(observer.battery_mv) },
        { label: 'Running for', text: duration(observer.uptime_secs) },
        { label: 'Clock', text: clockText(observer), hint: observer.clock_naive ? `${count(observer.clock_skew_count_24h)} times in 24 h` : '', tone: observer.clock_naive ? 'warn' : null },
        { label: 'Radio', text: radioText(observer.radio), hint: 'MHz, kHz, SF, CR' },
        { label: 'Model', text: shown(observer.model, 40) || UNKNOWN },
        { label: 'Firmware', text: shown(observer.firmware, 40) || UNKNOWN },
        { label: 'Client', text: shown(observer.client_version, 40) || UNKNOWN },
      ]);
      links.replaceChildren(h('a', { href: `/packets?observer=${encodeURIComponent(observer.id)}` }, 'What it heard'), ' ',
        h('a', { href: `/nodes/${encodeURIComponent(observer.id.toLowerCase())}` }, 'The node of the same key'));
    },
  });
}

/** @param {string | null | undefined} radio */
function radioText(radio) {
  return shown((radio ?? '').split(',').map((part) => part.trim()).join(', '), 40) || UNKNOWN;
}
