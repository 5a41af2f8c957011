// Nodes: the list, or one node (`/nodes/{key, or the beginning of it}`).

import { figure, fillRole, nameColumn, timeColumn, timeFigure, typeBadge } from '../mesh/cells.js';
import { mountEntity } from '../mesh/entity.js';
import { parsed, ROLES, summaryOf } from '../mesh/names.js';
import { receptionsOf } from '../mesh/rows.js';
import { mountWholeList } from '../mesh/whole_list.js';
import { get } from '../shared/api.js';
import { h, setText } from '../shared/dom.js';
import { card, makeFigures } from '../shared/figures.js';
import { count, fixed, isNumber, parseUtc, plural, UNKNOWN } from '../shared/format.js';
import { shortKey, shown } from '../shared/safe_text.js';
import { makeTable } from '../shared/table.js';

/** @typedef {import('../shared/api.js').Schemas['NodeRow']} Node */

const EVERY_MS = 30_000;
/** The most that the API lists at once. */
const NODES_MAX = 2000;
const PERIODS = /** @type {[string, string][]} */ ([['', 'Any time'], ['1h', 'Last hour'], ['6h', 'Last 6 hours'], ['24h', 'Last day'], ['7d', 'Last week'], ['30d', 'Last 30 days']]);

const nameOf = (/** @type {Node} */ node) => shown(node.name, 60) || shortKey(node.public_key);
const positionOf = (/** @type {Node} */ { lat, lon }) => (isNumber(lat) && isNumber(lon) && (lat !== 0 || lon !== 0) ? `${lat.toFixed(4)}, ${lon.toFixed(4)}` : UNKNOWN);
const volts = (/** @type {number | null | undefined} */ mv) => (isNumber(mv) ? `${fixed(mv / 1000, 2)} V` : UNKNOWN);

const relayed = (/** @type {number | null | undefined} */ value) => (isNumber(value) ? count(value) : UNKNOWN);

/** @type {import('../shared/table.js').Column<Node>[]} */
const COLUMNS = [
  nameColumn({
    label: 'Name', name: nameOf, isSorted: true, link: ({ public_key: key }) => `/nodes/${encodeURIComponent(key)}`,
    below: (node) => `${shown(node.role, 16) || 'no role'} · ${plural(node.advert_count, 'advert')}`,
  }),
  { key: 'role', label: 'Role', class: 'w-type from-m', text: () => '', make: () => h('span', { class: 'kind' }), update: (badge, { role }) => fillRole(badge, role), sort: ({ role }) => role },
  timeColumn({ key: 'seen', label: 'Last heard (UTC)', isSorted: true, ms: (node) => parseUtc(node.last_seen) }),
  { key: 'adverts', label: 'Adverts', isNumber: true, class: 'w-m from-m', text: (node) => count(node.advert_count), sort: (node) => node.advert_count },
  { key: 'relayed', label: 'Relayed, 24 h', isNumber: true, class: 'w-l from-m', title: 'packets that it passed on', text: (node) => relayed(node.relay_count_24h), hint: (node) => (isNumber(node.relay_count_24h) ? null : 'not known'), sort: (node) => node.relay_count_24h },
  { key: 'hash', label: 'Hash bytes', isNumber: true, class: 'w-m from-m', title: 'bytes of its path hashes', text: (node) => count(node.hash_size), sort: (node) => node.hash_size, tone: (node) => (node.hash_size_inconsistent ? 'warn' : null), hint: hashHint },
  { key: 'battery', label: 'Battery', isNumber: true, class: 'w-m from-l', text: (node) => volts(node.battery_mv), hint: (node) => (isNumber(node.battery_mv) ? null : 'not known'), sort: (node) => node.battery_mv },
  { key: 'position', label: 'Position', isNumber: true, class: 'w-name from-l', text: positionOf, hint: (node) => (positionOf(node) === UNKNOWN ? 'not known' : null) },
  { ...timeColumn({ key: 'first', label: 'First heard', class: 'w-time from-xl', isSorted: true, ms: (/** @type {Node} */ node) => parseUtc(node.first_seen) }) },
  { key: 'key', label: 'Key', class: 'mono w-hash from-xl', text: (node) => shown(node.public_key, 16), hint: (node) => shown(node.public_key, 64) },
];

/** @param {Node} node */
function hashHint({ hash_size: size, hash_size_inconsistent: isChanging }) {
  if (!isNumber(size)) return 'not known';
  return isChanging ? 'changes from advert to advert' : null;
}

/** @type {import('../pages.js').Mount} */
export function mount(root, context) {
  const [key] = context.rest;
  return key === undefined ? list(root, context) : detail(root, context, key);
}

/** @type {import('../pages.js').Mount} */
function list(root, context) {
  const figures = makeFigures();
  const note = h('p', { class: 'note', role: 'status', hidden: true });
  return mountWholeList(root, context, {
    title: 'Nodes', noun: 'node', columns: COLUMNS, order: { key: 'seen', isDescending: true }, everyMs: EVERY_MS,
    rowKey: (node) => node.public_key, textOf: (node) => `${node.name ?? ''} ${node.public_key}`.slice(0, 300),
    searchHint: 'name or key', isAskedAgain: true, above: h('div', {}, figures.element, note),
    choices: [
      { name: 'role', label: 'Role', options: [['', 'All'], ...ROLES.map((role) => /** @type {[string, string]} */ ([role, role]))] },
      { name: 'lastHeard', label: 'Last heard', options: PERIODS },
    ],
    async ask(signal, query) {
      const asked = { limit: NODES_MAX, role: query.get('role'), lastHeard: query.get('lastHeard') };
      let body = await get('/api/nodes', { query: asked, signal });
      const isPart = body.total > body.nodes.length;
      // Where not all fit, the server searches too; it looks at names only.
      if (isPart && query.get('q')) body = await get('/api/nodes', { query: { ...asked, search: query.get('q') }, signal });
      const { companions, repeaters, rooms, sensors } = body.counts;
      figures.update([
        { label: 'Companions', text: count(companions) }, { label: 'Repeaters', text: count(repeaters) },
        { label: 'Room servers', text: count(rooms) }, { label: 'Sensors', text: count(sensors) },
      ]);
      note.hidden = !isPart;
      setText(note, isPart ? `The ${count(body.nodes.length)} heard last of ${count(body.total)} nodes are shown.` : '');
      return body.nodes;
    },
  });
}

/** @typedef {{ key: string, packet: any }} Advert */
/** @type {import('../shared/table.js').Column<Advert>[]} */
const ADVERTS = [
  timeColumn({ key: 'time', label: 'First heard (UTC)', ms: ({ packet }) => parseUtc(packet.first_seen) }),
  { key: 'type', label: 'Type', class: 'w-type from-m', text: () => '', make: ({ packet }) => typeBadge(packet.payload_type) },
  { key: 'what', label: 'Packet', class: 'told', isHeader: true, text: ({ packet }) => summaryOf(parsed(packet.decoded_json)) || shown(packet.hash, 16), link: ({ packet }) => `/packets/${encodeURIComponent(packet.hash)}` },
  { key: 'receptions', label: 'Heard', title: 'receptions', isNumber: true, class: 'w-s', text: ({ packet }) => `${count(packet.observations?.length)} ×` },
  { key: 'snr', label: 'Best SNR', isNumber: true, class: 'w-m', title: 'dB', text: ({ packet }) => bestSnr(packet.observations ?? []) },
];

/** @param {any[]} observations */
function bestSnr(observations) {
  const values = receptionsOf(observations).map(({ snr }) => snr).filter(isNumber);
  return values.length === 0 ? UNKNOWN : fixed(values.reduce((best, snr) => Math.max(best, snr)), 1);
}

/** @param {HTMLElement} root @param {import('../pages.js').PageContext} context @param {string} key */
function detail(root, context, key) {
  const table = makeTable({ caption: 'Last adverts', isCaptionHidden: true, class: 'list', columns: ADVERTS, rowKey: ({ key: hash }) => hash, empty: 'No advert of it is stored.' });
  const adverts = card('adverts', 'Last adverts', table.element);
  return mountEntity(root, {
    back: { href: '/nodes', text: 'All nodes' }, everyMs: EVERY_MS, below: [adverts.element],
    missing: 'There is no such node: it may be hidden or unknown.',
    ask: (signal) => get('/api/nodes/{pubkey}', { path: { pubkey: key }, signal }),
    draw({ node, recentAdverts }, { title, key: keyLine, links, figures }) {
      setText(title, nameOf(node));
      context.setTitle(nameOf(node));
      setText(keyLine, shown(node.public_key, 64));
      figures.update(figuresOf(node));
      const scopes = (node.transported_scopes ?? []).map((scope) => shown(scope, 24)).join(', ');
      links.replaceChildren(h('a', { href: `/packets?node=${encodeURIComponent(node.public_key)}` }, 'Its packets, sent and passed on'),
        ...(scopes ? [h('span', { class: 'note told' }, ` Regions whose packets it passes on: ${scopes}`)] : []));
      table.update(recentAdverts.map((packet) => ({ key: String(/** @type {any} */ (packet).hash), packet })));
    },
  });
}

/** @param {Node} node */
function figuresOf(node) {
  const [seen, first, passedOn] = [node.last_seen, node.first_seen, node.last_relayed].map((text) => parseUtc(text));
  const isRelay = node.role === 'repeater' || node.role === 'room';
  return [
    figure('Role', shown(node.role, 20) || UNKNOWN, { hint: node.foreign ? 'from outside the area' : '' }),
    timeFigure('Last heard', seen),
    timeFigure('First heard', first),
    figure('Adverts', count(node.advert_count), { hint: isNumber(node.flood_advert_count_7d) ? `${plural(node.flood_advert_count_7d, 'flood')} in 7 days` : '' }),
    ...(isRelay ? [
      figure('Relayed, last day', relayed(node.relay_count_24h), { hint: `${relayed(node.relay_count_1h)} in the last hour`, tone: node.relay_active === false ? 'warn' : null }),
      figure('Relayed without region', relayed(node.unscoped_relay_count_24h), { hint: 'last day' }),
      timeFigure('Last relayed', passedOn),
    ] : []),
    figure('Path hashes', isNumber(node.hash_size) ? plural(node.hash_size, 'byte') : UNKNOWN, { hint: node.hash_size_inconsistent ? `changes: ${(node.hash_sizes_seen ?? []).join(', ')}` : '', tone: node.hash_size_inconsistent ? 'warn' : null }),
    figure('Region', shown(node.default_scope, 24) || UNKNOWN, { hint: 'of its adverts' }),
    figure('Position', positionOf(node), { hint: 'latitude, longitude' }),
    figure('Battery', volts(node.battery_mv)),
    figure('Temperature', isNumber(node.temperature_c) ? `${fixed(node.temperature_c, 1)} °C` : UNKNOWN),
  ];
}
