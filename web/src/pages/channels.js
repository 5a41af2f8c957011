// Channels: the list, or what was said in one (`/channels/{hash}`).

import { fillTime, nameColumn, timeCell, timeColumn } from '../mesh/cells.js';
import { pager } from '../mesh/pager.js';
import { hopsText } from '../mesh/short_text.js';
import { mountWholeList } from '../mesh/whole_list.js';
import { get } from '../shared/api.js';
import { h, reconcile, setAttribute, setText } from '../shared/dom.js';
import { count, fixed, isNumber, parseUtc, plural } from '../shared/format.js';
import { freshnessLine } from '../shared/freshness.js';
import { startPoll } from '../shared/poll.js';
import { shown } from '../shared/safe_text.js';

/**
 * @typedef {import('../shared/api.js').Schemas['ChannelRow']} Channel
 * @typedef {import('../shared/api.js').Schemas['MessageRow']} Message
 */

const LIST_MS = 15_000;
const MESSAGES_MS = 10_000;
const MESSAGES = 100;
const TEXT_CHARS_MAX = 1000;
const SEALED = 'Sealed: the key of this channel is not known here, so what was said cannot be read, nor who said it.';

const activeMs = (/** @type {Channel} */ channel) => parseUtc(channel.lastActivity);

/** @type {import('../shared/table.js').Column<Channel>[]} */
const COLUMNS = [
  nameColumn({
    label: 'Channel', name: ({ name }) => shown(name, 60), isSorted: true, link: ({ hash }) => `/channels/${encodeURIComponent(hash)}`,
    below: (channel) => `${plural(channel.messageCount, 'message')}${channel.encrypted ? ', sealed' : ''}`,
  }),
  { key: 'kind', label: 'Kind', class: 'w-m from-m', text: () => '', make: () => h('span', { class: 'kind' }), update: fillKind, sort: ({ encrypted }) => Number(Boolean(encrypted)) },
  { key: 'messages', label: 'Messages', isNumber: true, class: 'w-m from-m', text: (channel) => count(channel.messageCount), sort: (channel) => channel.messageCount },
  timeColumn({ key: 'active', label: 'Last active (UTC)', isSorted: true, ms: activeMs }),
  { key: 'sender', label: 'Last sender', class: 'told w-name from-m', text: (channel) => shown(channel.lastSender, 40), hint: ({ lastSender }) => shown(lastSender), sort: (channel) => channel.lastSender },
  { key: 'last', label: 'Last message', class: 'told w-text from-m', text: (channel) => shown(channel.lastMessage ?? (channel.encrypted ? 'sealed: its key is not known here' : ''), 160), hint: ({ lastMessage }) => shown(lastMessage, 300), tone: ({ encrypted }) => (encrypted ? 'muted' : null) },
];

/** @param {Element} badge @param {Channel} channel */
function fillKind(badge, { encrypted }) {
  setText(badge, encrypted ? 'sealed' : 'open');
  setAttribute(badge, 'data-family', encrypted ? 'other' : 'group');
}

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
    choices: [{ name: 'sealed', label: 'Show', options: [['', 'Open and sealed'], ['0', 'Open ones only']] }],
    async ask(signal, query) {
      const includeEncrypted = query.get('sealed') === '0' ? null : true;
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
      note.hidden = body.messages.length > 0 && !isSealed;
      setText(note, isSealed ? SEALED : 'Nothing was said here.');
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
  return h('li', { class: 'message' }, h('p', { class: 'message__head' }, h('b', { class: 'message__sender' }), h('a', {}, timeCell())),
    h('p', { class: 'message__text told' }), h('p', { class: 'note told' }));
}

/** @param {HTMLElement} item @param {Message} message */
function fill(item, message) {
  const [head, text, note] = /** @type {HTMLElement[]} */ ([...item.children]);
  const [sender, link] = /** @type {HTMLElement[]} */ ([.../** @type {HTMLElement} */ (head).children]);
  setText(/** @type {Node} */ (sender), shown(message.sender, 40) || 'sender not known');
  fillTime(/** @type {Element} */ (link?.firstElementChild), parseUtc(message.timestamp));
  setAttribute(/** @type {Element} */ (link), 'href', `/packets/${encodeURIComponent(message.packetHash)}`);
  setText(/** @type {Node} */ (text), shown(message.text, TEXT_CHARS_MAX) || 'sealed');
  setAttribute(/** @type {Element} */ (text), 'data-tone', message.text ? null : 'muted');
  const by = message.observers.map((observer) => shown(observer, 40)).join(', ');
  setText(/** @type {Node} */ (note), [
    hopsText(message.hops), `heard ${plural(message.repeats, 'time')}`,
    ...(isNumber(message.snr) ? [`SNR ${fixed(message.snr, 1)} dB`] : []), ...(by ? [`by ${by}`] : []),
  ].join(' · '));
}
