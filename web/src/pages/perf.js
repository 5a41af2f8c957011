// The Perf page.
import { h } from '../shared/dom.js';

/** @type {import('../pages.js').Mount} */
export function mount(root) {
  root.append(h('h1', {}, 'Performance'));
}
