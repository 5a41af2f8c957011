// What the numbers of the mesh are called, and what a packet says in a few words. Pure.

import { shortKey, shown } from '../shared/safe_text.js';

export const TYPES = [
  'REQ', 'RESPONSE', 'TXT_MSG', 'ACK', 'ADVERT', 'GRP_TXT', 'GRP_DATA', 'ANON_REQ',
  'PATH', 'TRACE', 'MULTIPART', 'CONTROL', 'RESERVED_12', 'RESERVED_13', 'RESERVED_14', 'RAW_CUSTOM',
];
export const ROUTES = ['TRANSPORT_FLOOD', 'FLOOD', 'DIRECT', 'TRANSPORT_DIRECT'];
export const ROLES = ['companion', 'repeater', 'room', 'sensor'];

/** @param {number | null | undefined} type */
export const typeName = (type) => TYPES[type ?? -1] ?? '?';
/** @param {number | null | undefined} route */
export const routeName = (route) => ROUTES[route ?? -1] ?? '?';

/** JSON text, or `null` if it is none. @param {unknown} text @returns {any} */
export function parsed(text) {
  if (typeof text !== 'string') return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** JSON for people: what is not seen, or turns the text around it, is written as its number. @param {unknown} value */
export function visibleJson(value) {
  const unseen = /[^\P{C}\n]/gu;
  const escaped = (/** @type {string} */ unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(value, null, 2).replace(unseen, (letter) => letter.split('').map(escaped).join(''));
}

/** The hops of a `path_json`. @param {unknown} pathJson @returns {string[]} */
export function hopsOf(pathJson) {
  const path = parsed(pathJson);
  return Array.isArray(path) ? path.filter((hop) => typeof hop === 'string') : [];
}

/**
 * What a packet says, in a few words; empty if nothing is known.
 * @param {any} payload the decoded payload
 */
export function summaryOf(payload) {
  if (!payload || typeof payload !== 'object') return '';
  if (payload.error) return shown(payload.error);
  switch (payload.type) {
    case 'ADVERT': return shown(payload.name) || `node ${shortKey(payload.pubKey)}`;
    case 'CHAN': return shown(`${payload.channel ?? '?'} · ${payload.text ?? ''}`);
    case 'GRP_TXT':
    case 'GRP_DATA': return payload.channel ? shown(payload.channel) : `sealed, channel 0x${shown(payload.channelHashHex, 4)}`;
    case 'REQ':
    case 'RESPONSE':
    case 'TXT_MSG':
    case 'PATH': return `${shown(payload.srcHash, 8)} → ${shown(payload.destHash, 8)}`;
    case 'ANON_REQ': return `${shortKey(payload.ephemeralPubKey)} → ${shown(payload.destHash, 8)}`;
    case 'ACK': return `for ${shown(payload.extraHash, 16)}`;
    case 'TRACE': return `tag ${shown(payload.tag ?? 0, 12)}`;
    case 'MULTIPART': return `${shown(payload.innerTypeName, 16)}, ${shown(payload.remaining ?? 0, 4)} to follow`;
    case 'CONTROL': return shown(payload.ctrlSubtype, 20);
    default: return '';
  }
}
