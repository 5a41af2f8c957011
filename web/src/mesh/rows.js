// Packets as the list shows them: rows of the API and messages of the live feed alike. Pure.

import { parseUtc } from '../shared/format.js';
import { hopsOf, parsed, summaryOf } from './names.js';

/**
 * @typedef {{
 *   id: number | null,
 *   hash: string,
 *   type: number | null,
 *   route: number | null,
 *   firstMs: number | null,
 *   latestMs: number | null,
 *   receptions: number,
 *   what: string,
 *   observerId: string | null,
 *   observer: string | null,
 *   hops: number,
 *   snr: number | null,
 *   rssi: number | null,
 *   bytes: number | null,
 *   regions: string[],
 *   isNew: boolean,
 * }} PacketRow
 */

/** A row of the plain or the grouped list. @param {any} packet @returns {PacketRow} */
export function rowOf(packet) {
  const firstMs = parseUtc(packet.first_seen);
  const regions = Array.isArray(packet.distinct_iatas) ? packet.distinct_iatas : [packet.observer_iata];
  return {
    id: packet.id ?? null,
    hash: String(packet.hash ?? ''),
    type: packet.payload_type ?? null,
    route: packet.route_type ?? null,
    firstMs,
    latestMs: parseUtc(packet.latest) ?? firstMs,
    receptions: packet.observation_count ?? 0,
    what: summaryOf(packet.decoded?.payload ?? parsed(packet.decoded_json)),
    observerId: packet.observer_id ?? null,
    observer: packet.observer_name ?? packet.observer_id ?? null,
    hops: hopsOf(packet.path_json).length,
    snr: packet.snr ?? null,
    rssi: packet.rssi ?? null,
    bytes: typeof packet.raw_hex === 'string' ? packet.raw_hex.length / 2 : null,
    regions: regions.filter((/** @type {unknown} */ region) => typeof region === 'string'),
    isNew: false,
  };
}

/**
 * Merges a packet of the live feed: one that is known has been heard again. The grouped list has
 * the latest reception first (the feed does not say when that was: now), the plain one the packet
 * that came in last, so an older one that is heard again has no place on its first page.
 * @param {readonly PacketRow[]} rows
 * @param {any} packet
 * @param {{ isGrouped: boolean, rowsMax: number, nowMs: number }} how
 * @returns {PacketRow[]}
 */
export function merged(rows, packet, { isGrouped, rowsMax, nowMs }) {
  const heard = rowOf(packet);
  const known = rows.find(({ hash }) => hash === heard.hash);
  const row = known
    ? { ...known, receptions: Math.max(known.receptions, heard.receptions), latestMs: Math.max(known.latestMs ?? 0, nowMs) }
    : { ...heard, latestMs: nowMs, receptions: Math.max(1, heard.receptions), isNew: true };
  if (known && !isGrouped) return rows.map((other) => (other === known ? row : other));
  const others = rows.filter((other) => other !== known);
  const isBehind = (/** @type {PacketRow} */ other) => isGrouped || other.id === null || row.id === null || other.id < row.id;
  const place = others.findIndex(isBehind);
  const at = place < 0 ? others.length : place;
  return [...others.slice(0, at), row, ...others.slice(at)].slice(0, rowsMax);
}

/**
 * Receptions of one packet, the first heard first.
 * @typedef {{ key: string, heardMs: number | null, observerId: string | null, observer: string | null, region: string | null,
 *   snr: number | null, rssi: number | null, hops: { hop: string, key: string | null }[], hex: string | null }} Reception
 * @param {any[]} observations @returns {Reception[]}
 */
export function receptionsOf(observations) {
  const receptions = observations.map((seen, index) => {
    const keys = Array.isArray(seen.resolved_path) ? seen.resolved_path : [];
    return {
      key: String(seen.id ?? index),
      heardMs: parseUtc(seen.timestamp),
      observerId: seen.observer_id ?? null,
      observer: seen.observer_name ?? seen.observer_id ?? null,
      region: seen.observer_iata ?? null,
      snr: seen.snr ?? null,
      rssi: seen.rssi ?? null,
      hops: hopsOf(seen.path_json).map((hop, at) => ({ hop, key: typeof keys[at] === 'string' ? keys[at] : null })),
      hex: seen.raw_hex ?? null,
    };
  });
  return receptions.sort((a, b) => (a.heardMs ?? 0) - (b.heardMs ?? 0));
}
