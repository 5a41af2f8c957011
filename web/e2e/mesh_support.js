// What the tests of the mesh pages share: packets that are sent in, and rows of hostile text.
import assert from 'node:assert/strict';
import { createCipheriv, createHash, createHmac } from 'node:crypto';
import { KEY, seeded } from './support.js';

/** @typedef {import('playwright-core').Page} Page */

const PUBLIC_KEY = Buffer.from('8b3387e9c5cdea6ac9e5edbaa115cd72', 'hex');
const BLOCK_BYTES = 16;

/** A text in the channel Public, as a frame in hex (format §9). @param {string} text `Sender: text` */
export function publicText(text) {
  const clock = Buffer.alloc(5);
  clock.writeUInt32LE(Math.floor(Date.now() / 1000));
  const plain = Buffer.concat([clock, Buffer.from(text)]);
  const padded = Buffer.concat([plain, Buffer.alloc((BLOCK_BYTES - (plain.length % BLOCK_BYTES)) % BLOCK_BYTES)]);
  const cipher = createCipheriv('aes-128-ecb', PUBLIC_KEY, null).setAutoPadding(false);
  const sealed = Buffer.concat([cipher.update(padded), cipher.final()]);
  const mac = createHmac('sha256', Buffer.concat([PUBLIC_KEY, Buffer.alloc(16)])).update(sealed).digest().subarray(0, 2);
  const hash = createHash('sha256').update(PUBLIC_KEY).digest().subarray(0, 1);
  return Buffer.concat([Buffer.from([0x15, 0x00]), hash, mac, sealed]).toString('hex');
}

/**
 * Sends a packet in with the operator's key.
 * @param {string} url @param {string} hex @param {{ observer?: string, snr?: number, rssi?: number }} [heard]
 * @returns {Promise<any>}
 */
export async function send(url, hex, heard = { observer: 'tester', snr: 7.5, rssi: -88 }) {
  const answer = await fetch(`${url}/api/packets`, {
    method: 'POST', headers: { 'Content-Type': 'application/json', 'X-API-Key': KEY }, body: JSON.stringify({ hex, ...heard }),
  });
  const body = await answer.json();
  assert.equal(answer.status, 200, JSON.stringify(body));
  return body;
}

/** What the API says; a server that is busy is asked again. @param {string} url @param {string} path @returns {Promise<any>} */
export async function ask(url, path) {
  let answer = await fetch(`${url}${path}`);
  for (let tried = 0; answer.status === 503 && tried < 20; tried += 1) {
    await new Promise((resolve) => { setTimeout(resolve, 1000); });
    answer = await fetch(`${url}${path}`);
  }
  assert.equal(answer.status, 200, path);
  return answer.json();
}

export const HOSTILE = '<img src=x onerror=alert(1)>';
export const TURNED = '\u202egnp.tob\u2066';
export const LONG = 'W'.repeat(900);

/** A small mesh in which somebody called three nodes, an observer and two messages what they should not. */
export const hostileMesh = seeded(400, `
  UPDATE nodes SET name = '${HOSTILE}', last_seen = '2099-01-01T00:00:00Z' WHERE rowid = (SELECT min(rowid) FROM nodes);
  UPDATE nodes SET name = '${TURNED}', last_seen = '2099-01-02T00:00:00Z' WHERE rowid = (SELECT min(rowid) + 1 FROM nodes);
  UPDATE nodes SET name = '${LONG}', last_seen = '2099-01-03T00:00:00Z', lat = NULL, lon = NULL, battery_mv = NULL WHERE rowid = (SELECT min(rowid) + 2 FROM nodes);
  UPDATE observers SET name = '${HOSTILE}', last_seen = '2099-01-01T00:00:00Z' WHERE rowid = (SELECT min(rowid) FROM observers);
  UPDATE transmissions SET decoded_json = json_set(decoded_json, '$.text', '${HOSTILE}: ${TURNED}${LONG}', '$.sender', '${HOSTILE}')
    WHERE id IN (SELECT id FROM transmissions WHERE channel_hash = 'Public' ORDER BY id DESC LIMIT 2);
`);

/** So many packets: a few seeded ones, copied. @param {number} packets */
export const manyPackets = (packets) => seeded(200, `
  INSERT INTO transmissions (raw_hex, hash, first_seen, route_type, payload_type, payload_version, decoded_json, last_seen)
  WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${Math.ceil(packets / 200)})
  SELECT raw_hex, printf('%016x', n * 1000000 + id), first_seen, route_type, payload_type, payload_version, decoded_json, last_seen
    FROM numbers, transmissions LIMIT ${packets - 200};
  INSERT INTO observations (transmission_id, observer_idx, snr, rssi, path_json, timestamp)
  SELECT id, (SELECT min(rowid) FROM observers), 1.5, -99, '[]', strftime('%s', first_seen)
    FROM transmissions WHERE id NOT IN (SELECT transmission_id FROM observations);
`);

/** Until the list shows rows. @param {Page} page */
export const filled = (page) => page.locator('table.list tbody tr').first().waitFor();

/** Until what is shown is fresh. @param {Page} page */
export const fresh = (page) => page.locator('.freshness[data-kind=fresh]').waitFor();

/** The row of a table by the text of its link. @param {Page} page @param {string} text */
export const rowOf = (page, text) => page.locator('table.list tbody tr', { has: page.locator('a', { hasText: text }) });

/** @param {Page} page @param {string} label */
export const figure = (page, label) => page.locator('.figure', { has: page.locator('dt', { hasText: new RegExp(`^${label}$`) }) }).locator('dd');
