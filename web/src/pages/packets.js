// Packets: the list, or one packet (`/packets/{hash or id}`).

import { mountDetail } from '../mesh/packet_detail.js';
import { mountList } from '../mesh/packet_list.js';

/** @type {import('../pages.js').Mount} */
export function mount(root, context) {
  const [id] = context.rest;
  return id === undefined ? mountList(root, context) : mountDetail(root, context, id);
}
