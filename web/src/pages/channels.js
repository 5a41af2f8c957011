// Channels: the list, or what was said in one (`/channels/{hash}`).

import { pager } from '../mesh/pager.js';
import { mountWholeList } from '../mesh/whole_list.js';
import { get } from '../shared/api.js';
import { h, reconcile, setAttribute, setText } from '../shared/dom.js';
import { count, fixed, isNumber, parseUtc, plural } from '../shared/format.js';
import { freshnessLine } from '../shared/freshness.js';
import { startPoll } from '../shared/poll.js';
import { shown } from '../shared/safe_text.js';
import { agoText, isoTitle } from '../shared/time_text.js';

/**
 * @typedef {import('../shared/api.js').Schemas['ChannelRow']} Channel
 * @typedef {import('../shared/api.js').Schemas['MessageRow']} Message
 */

const LIST_MS = 15_000;
const MESSAGES_MS = 10_000;
const MESSAGES = 100;
const TEXT_CHARS_MAX = 1000;

const activeMs = (/** @type {Channel} */ channel) => parseUtc(channel.lastActivity);

/** @type {import('../shared/table.js').Column<Channel>[]} */
const COLUMNS = [
  { key: 'name', label: 'Channel', isHeader: true, class: 'told', text: ({ name }) => shown(name, 60), link: ({ hash }) => `/channels/${encodeURIComponent(hash)}`, sort: ({ name }) => name.toLowerCase() },
  { key: 'messages', label: 'Messages', isNumber: true, text: (channel) => count(channel.messageCount), sort: (channel) => channel.messageCount },
  { key: 'active', label: 'Last active', class: 'nowrap', isNumber: true, text: (channel) => agoText(activeMs(channel)), hint: (channel) => isoTitle(activeMs(channel)), sort: activeMs },
  { key: 'sender', label: 'Last sender', class: 'told', text: (channel) => shown(channel.lastSender, 40), sort: (channel) => channel.lastSender },
  { key: 'last', label: 'Last message', class: 'told wide', text: (channel) => shown(channel.lastMessage ?? (channel.encrypted ? 'sealed: its key is not known here' : ''), 160), tone: ({ encrypted }) => (encrypted ? 'muted' : null) },
];

/** @type {import('../pages.js').Mount} */
export function mount(root, context) {
  const [hash] = context.rest;
  return hash === undefined ? list(root, context) : messages(root, context, hash);
}

/** @type {import('../pages.js').Mount} */
function list(root, context) {
  return mountWholeList(root, context, {
    title: 'Channels', noun: 'channel', columns: COLUMNS, order: { key: 'active', isDescending: true }, everyMs: LIST_MS,
    rowKey: ({ hash }) => hash, searchHint: 'name, sender, message',
    textOf: ({ name, lastSender, lastMessage }) => [name, lastSender, lastMessage].map((text) => (text ?? '').slice(0, 300)).join(' '),
    choices: [{ name: 'sealed', label: 'Show', options: [['', 'Readable ones'], ['1', 'Sealed ones too']] }],
    async ask(signal, query) {
      const includeEncrypted = query.get('sealed') === '1' ? true : null;
      return (await get('/api/channels', { query: { includeEncrypted }, signal })).channels;
    },
  });
}

/** @param {HTMLElement} root @param {import('../pages.js').PageContext} context @param {string} hash */
function messages(root, context, hash) {
  const isSealed = /^enc_[0-9A-F]{2}$/.test(hash);
  const name = isSealed ? `Sealed channel 0x${hash.slice(4)}` : shown(hash, 60);
  let offset = Math.max(0, Math.trunc(Number(context.query.get('offset'))) || 0);
  const age = freshnessLine();
  const note = h('p', { class: 'note', role: 'status' }, 'Asking the server…');
  const items = h('ol', { class: 'messages' });
  const pages = pager((next) => {
    offset = next;
    context.setQuery(new URLSearchParams(offset > 0 ? { offset: String(offset) } : {}));
    poll.refresh();
  });
  context.setTitle(name);
  root.append(
    h('div', { class: 'head' }, h('h1', { class: 'told' }, name), age.element, h('div', { class: 'buttons' }, h('a', { href: '/channels' }, 'All channels'))),
    h('p', {}, h('a', { href: `/packets?channel=${encodeURIComponent(hash)}` }, 'Its packets')),
    h('section', { class: 'card', 'aria-label': 'Messages, the latest first' }, note, items, pages.element),
  );
  const poll = startPoll({
    everyMs: MESSAGES_MS,
    async task(signal) {
      let asked;
      let body;
      do {
        asked = offset;
        body = await get('/api/channels/{hash}/messages', { path: { hash }, query: { limit: MESSAGES, offset }, signal });
      } while (asked !== offset);
      draw(body.messages);
      note.hidden = body.messages.length > 0;
      setText(note, isSealed ? 'Sealed: the key of this channel is not known here, so nobody can say what was said.' : 'Nothing was said here.');
      pages.update({ offset, size: MESSAGES, shown: body.messages.length, total: body.total });
    },
    onState(state) {
      age.show(state);
      if (state.error !== null && items.childElementCount === 0) {
        note.hidden = false;
        setText(note, `The messages cannot be read now: ${state.error}. Trying again.`);
      }
    },
  });
  /** The API has the oldest first. @param {Message[]} page */
  const draw = (page) => reconcile(items, [...page].reverse(), {
    key: ({ packetHash, packetId }) => `${packetHash} ${packetId}`,
    make: messageItem,
    update: (item, message) => fill(item, message),
  });
  return () => {
    poll.stop();
    age.stop();
  };
}

function messageItem() {
  return h('li', { class: 'message' }, h('p', { class: 'message__head' }, h('b', { class: 'told' }), h('a', { class: 'nowrap' })),
    h('p', { class: 'message__text told' }), h('p', { class: 'note told' }));
}

/** @param {HTMLElement} item @param {Message} message */
function fill(item, message) {
  const [head, text, note] = /** @type {HTMLElement[]} */ ([...item.children]);
  const [sender, time] = /** @type {HTMLElement[]} */ ([.../** @type {HTMLElement} */ (head).children]);
  const heardMs = parseUtc(message.timestamp);
  setText(/** @type {Node} */ (sender), shown(message.sender, 40) || 'unknown');
  setText(/** @type {Node} */ (time), agoText(heardMs));
  setAttribute(/** @type {Element} */ (time), 'title', isoTitle(heardMs));
  setAttribute(/** @type {Element} */ (time), 'href', `/packets/${encodeURIComponent(message.packetHash)}`);
  setText(/** @type {Node} */ (text), shown(message.text, TEXT_CHARS_MAX));
  const by = message.observers.map((observer) => shown(observer, 40)).join(', ');
  setText(/** @type {Node} */ (note), [
    `heard ${plural(message.repeats, 'time')}`, message.hops === 0 ? 'direct' : plural(message.hops, 'hop'),
    ...(isNumber(message.snr) ? [`SNR ${fixed(message.snr, 1)} dB`] : []), ...(by ? [`by ${by}`] : []),
  ].join(' · '));
}
