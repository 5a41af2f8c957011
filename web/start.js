// @ts-check
// The start page: the last packets from the API, then the live feed. Everything that comes from
// the air is set as text, never as markup.

const ROWS_MAX = 100;
const RECONNECT_MS = 3000;
const FIGURES_MS = 10000;
const TYPES = [
  'REQ', 'RESPONSE', 'TXT_MSG', 'ACK', 'ADVERT', 'GRP_TXT', 'GRP_DATA', 'ANON_REQ',
  'PATH', 'TRACE', 'MULTIPART', 'CONTROL', '12', '13', '14', 'RAW_CUSTOM',
];

const list = /** @type {HTMLElement} */ (document.getElementById('packets'));
const state = /** @type {HTMLElement} */ (document.getElementById('state'));
const figures = /** @type {HTMLElement} */ (document.getElementById('figures'));
let dropped = 0;

/** What a packet says, in a few words. @param {string | null} json */
function summary(json) {
  try {
    const payload = JSON.parse(json ?? '{}');
    if (payload.text) return `${payload.channel ?? 'direct'}: ${payload.text}`;
    return payload.name ?? payload.channelHashHex ?? '';
  } catch {
    return '';
  }
}

/** @param {any} packet @param {string} time */
function row(packet, time) {
  const hops = JSON.parse(packet.path_json || '[]').length;
  const cells = [
    [time.replace('T', ' ').replace(/(\.\d+)?Z$/, '')],
    [TYPES[packet.payload_type] ?? '?'],
    [packet.observer_name ?? packet.observer_id ?? ''],
    [String(hops), 'number'],
    [packet.snr == null ? '' : String(packet.snr), 'number'],
    [summary(packet.decoded_json)],
    [packet.hash ?? ''],
  ];
  const line = document.createElement('tr');
  for (const [text, kind] of cells) {
    const cell = document.createElement('td');
    cell.textContent = text ?? '';
    if (kind) cell.className = kind;
    line.append(cell);
  }
  return line;
}

/** @param {any} packet @param {string} time */
function show(packet, time) {
  list.prepend(row(packet, time));
  while (list.children.length > ROWS_MAX) list.lastElementChild?.remove();
}

async function showFigures() {
  if (document.hidden) return;
  try {
    const stats = await (await fetch('/api/stats')).json();
    figures.textContent = stats.error
      ?? `${stats.totalTransmissions} packets, ${stats.totalObservations} receptions, `
        + `${stats.totalNodes} active nodes, ${stats.totalObservers} observers; `
        + `${stats.packetsLastHour} receptions in the last hour`;
  } catch {
    figures.textContent = 'No answer from the server.';
  }
}

async function showLast() {
  try {
    const answer = await (await fetch('/api/packets?limit=30')).json();
    for (const packet of (answer.packets ?? []).reverse()) show(packet, packet.timestamp);
  } catch {
    state.textContent = 'No answer from the server.';
  }
}

function listen() {
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  const socket = new WebSocket(`${scheme}://${location.host}/ws`);
  socket.onopen = () => { state.textContent = 'Live.'; };
  socket.onclose = () => {
    state.textContent = 'Connection lost, trying again…';
    setTimeout(listen, RECONNECT_MS);
  };
  socket.onmessage = (event) => {
    const message = JSON.parse(event.data);
    if (message.type === 'packet') show(message.data, message.data.timestamp ?? '');
    if (message.type === 'dropped') {
      dropped += message.data.count;
      state.textContent = `Live; ${dropped} packets were too many for this page.`;
    }
  };
}

await showLast();
listen();
showFigures();
setInterval(showFigures, FIGURES_MS);
