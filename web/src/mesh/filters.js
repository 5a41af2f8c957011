// The filters of the packet list: address of the page <-> what is asked of the API. Pure.

import { parseUtc } from '../shared/format.js';
import { parsed } from './names.js';

/** Parameters of `GET /api/packets` that narrow the list; called the same in the page's address. */
export const FIELDS = /** @type {const} */ ([
  'type', 'route', 'observer', 'region', 'area', 'node', 'channel', 'hash', 'since', 'until',
]);
export const SIZES = [50, 100, 200];
const INTEGER = /^\d{1,2}$/;
const FIELD_CHARS_MAX = 2000;

/**
 * @typedef {typeof FIELDS[number]} Field
 * @typedef {{
 *   fields: Partial<Record<Field, string>>,
 *   isGrouped: boolean,
 *   isAscending: boolean,
 *   offset: number,
 *   size: number,
 * }} Filters
 */

/** Reads the address; what makes no sense is left out. @param {URLSearchParams} query @returns {Filters} */
export function filtersOf(query) {
  /** @type {Filters['fields']} */
  const fields = {};
  for (const field of FIELDS) {
    const text = (query.get(field) ?? '').trim().slice(0, FIELD_CHARS_MAX);
    const isNumber = field === 'type' || field === 'route';
    if (text !== '' && (!isNumber || INTEGER.test(text))) fields[field] = text;
  }
  const offset = Number(query.get('offset') ?? 0);
  const size = Number(query.get('limit') ?? 0);
  const isGrouped = query.get('view') !== 'plain';
  return {
    fields,
    isGrouped,
    isAscending: !isGrouped && query.get('order') === 'asc',
    offset: Number.isSafeInteger(offset) && offset > 0 ? offset : 0,
    size: SIZES.includes(size) ? size : /** @type {number} */ (SIZES[0]),
  };
}

/** The address of filters; what is usual is left out. @param {Filters} filters */
export function queryOf({ fields, isGrouped, isAscending, offset, size }) {
  const query = new URLSearchParams();
  for (const field of FIELDS) if (fields[field]) query.set(field, fields[field]);
  if (!isGrouped) query.set('view', 'plain');
  if (!isGrouped && isAscending) query.set('order', 'asc');
  if (size !== SIZES[0]) query.set('limit', String(size));
  if (offset > 0) query.set('offset', String(offset));
  return query;
}

/** What to ask of the API. @param {Filters} filters @returns {Record<string, string | number | boolean>} */
export function askedOf({ fields, isGrouped, isAscending, offset, size }) {
  return {
    ...fields,
    limit: size,
    ...(offset > 0 ? { offset } : {}),
    ...(isGrouped ? { groupByHash: true } : {}),
    ...(isAscending ? { order: 'asc' } : {}),
  };
}

/** Whether packets that come in belong on this page of the list. @param {Filters} filters */
export function isLive({ fields, offset, isAscending }) {
  return offset === 0 && !isAscending && fields.until === undefined;
}

/**
 * Whether a packet of the live feed passes; `null` where only the server can tell.
 * @param {Filters} filters @param {any} packet
 * @returns {boolean | null}
 */
export function passes({ fields }, packet) {
  const same = (/** @type {string | undefined} */ wanted, /** @type {unknown} */ value) => wanted === undefined || wanted === String(value);
  if (!same(fields.type, packet.payload_type) || !same(fields.route, packet.route_type)) return false;
  if (!same(fields.hash?.toLowerCase(), packet.hash)) return false;
  const observers = fields.observer?.split(',').map((id) => id.trim());
  if (observers && !observers.includes(String(packet.observer_id))) return false;
  if (fields.channel !== undefined && !isOfChannel(fields.channel, packet)) return false;
  const since = fields.since === undefined ? null : timeOf(fields.since);
  if (since !== null && !((parseUtc(packet.timestamp) ?? 0) > since)) return false;
  return fields.region ?? fields.area ?? fields.node ? null : true;
}

/** @param {string} channel @param {any} packet */
function isOfChannel(channel, packet) {
  const payload = packet.decoded?.payload ?? parsed(packet.decoded_json);
  if (packet.payload_type !== 5 || !payload) return false;
  return payload.channel === channel || channel === `enc_${payload.channelHashHex}`;
}

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const MINUTES = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2})(Z?)$/;

/** A time as it may stand in the address: the API takes days and minutes too. @param {string} text @returns {number | null} */
export function timeOf(text) {
  if (DAY.test(text)) return parseUtc(`${text}T00:00:00Z`);
  const minutes = MINUTES.exec(text);
  return parseUtc(minutes ? `${minutes[1]}:00Z` : text);
}

/** For an input of type `datetime-local`, in UTC; empty if it is no time. @param {string | undefined} text */
export function inputTime(text) {
  const ms = text === undefined ? null : timeOf(text);
  return ms === null ? '' : new Date(ms).toISOString().slice(0, 19).replace(/:00$/, '');
}
