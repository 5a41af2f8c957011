// MQTT sources: connections, messages, what became of them.

import { card } from '../shared/figures.js';
import { UNKNOWN, ago, count, utcTime } from '../shared/format.js';
import { makeTable } from '../shared/table.js';

/**
 * @typedef {import('../shared/api.js').Schemas} Schemas
 * @typedef {Schemas['MqttSource']} Source
 */

/** @param {number | undefined} unixS 0 for never */
const at = (unixS) => (unixS ? unixS * 1000 : null);
/** @param {Record<string, number> | undefined} byReason */
const sum = (byReason) => Object.values(byReason ?? {}).reduce((total, some) => total + some, 0);
/** @param {Record<string, number> | undefined} byReason */
const reasons = (byReason) => Object.entries(byReason ?? {}).map(([reason, some]) => `${reason}: ${count(some)}`).join(', ') || null;

export function mqttSection() {
  const table = makeTable({
    caption: 'MQTT sources', isCaptionHidden: true, rowKey: ({ name = '' }) => name, empty: 'No source is configured.',
    rowTone: ({ connected }) => (connected === false ? 'bad' : null),
    columns: [
      { key: 'name', label: 'Source', isHeader: true, text: (/** @type {Source} */ { name }) => name ?? '', hint: ({ broker }) => broker ?? null },
      { key: 'state', label: 'State', text: ({ connected, ingest }) => (connected ? ingest?.health || 'connected' : 'not connected'), tone: ({ connected }) => (connected ? 'good' : 'bad') },
      { key: 'last', label: 'Last packet', class: 'nowrap', text: ({ lastPacketUnix }) => (lastPacketUnix ? ago(at(lastPacketUnix), Date.now()) : 'never'), hint: ({ lastPacketUnix }) => utcTime(at(lastPacketUnix)) },
      { key: 'recent', label: 'Last 5 min', isNumber: true, text: ({ packetsLast5m }) => count(packetsLast5m) },
      { key: 'total', label: 'Total', isNumber: true, text: ({ packetsTotal }) => count(packetsTotal) },
      { key: 'connects', label: 'Connected / lost', isNumber: true, text: ({ connectCount, disconnectCount }) => `${count(connectCount)} / ${count(disconnectCount)}` },
      { key: 'rejected', label: 'Refused', isNumber: true, text: ({ ingest }) => (ingest ? count(sum(ingest.rejected)) : UNKNOWN), hint: ({ ingest }) => reasons(ingest?.rejected) },
      { key: 'dropped', label: 'Lost', isNumber: true, title: 'QoS 0 messages that did not fit', text: ({ ingest }) => (ingest ? count(ingest.dropped) : UNKNOWN), tone: ({ ingest }) => ((ingest?.dropped ?? 0) > 0 ? 'bad' : null) },
      { key: 'pending', label: 'To acknowledge', isNumber: true, text: ({ ingest }) => (ingest ? count(ingest.pendingReceipts) : UNKNOWN) },
      { key: 'error', label: 'Last error', text: ({ lastError }) => lastError ?? '' },
    ],
  });
  const section = card('mqtt', 'MQTT sources', table.element);
  return {
    ...section,
    /** @param {Schemas['MqttStatusBody']} body */
    update(body) {
      table.update(body.sources);
      const { state, reason } = body.ingestorStatus;
      section.setNote(state === 'fresh' ? null : `${state}: ${reason ?? 'no reason is known'}`, 'warn');
    },
  };
}
