// All pages in the order of the navigation. A page's module is loaded when it is first opened.

/**
 * What a page gets: `rest` is what follows its name in the path (decoded parts), `query` the
 * parameters. `setQuery` changes them in the address without a new entry in the history;
 * `navigate` opens another page. `signal` is aborted when the page is left.
 * @typedef {{
 *   rest: string[],
 *   query: URLSearchParams,
 *   setQuery: (query: URLSearchParams) => void,
 *   navigate: (address: string) => void,
 *   setTitle: (title: string) => void,
 *   signal: AbortSignal,
 * }} PageContext
 * @typedef {(root: HTMLElement, context: PageContext) => void | (() => void)} Mount
 * A page's `style` is a file of `styles/`, loaded with its module.
 * @typedef {{ name: string, label: string, style?: string, load: () => Promise<{ mount: Mount }> }} Page
 */

/** @type {Page[]} */
export const PAGES = [
  { name: 'perf', label: 'Perf', style: 'perf.css', load: () => import('./pages/perf.js') },
  { name: '', label: 'Live', load: () => import('./pages/start.js') },
  { name: 'packets', label: 'Packets', style: 'mesh.css', load: () => import('./pages/packets.js') },
  { name: 'nodes', label: 'Nodes', style: 'mesh.css', load: () => import('./pages/nodes.js') },
  { name: 'observers', label: 'Observers', style: 'mesh.css', load: () => import('./pages/observers.js') },
  { name: 'channels', label: 'Channels', style: 'mesh.css', load: () => import('./pages/channels.js') },
];

/** @param {string} path @returns {{ page: Page | null, rest: string[] }} */
export function pageOf(path) {
  const [name = '', ...rest] = path.split('/').slice(1).map(decoded);
  const page = PAGES.find((known) => known.name === (name === 'index.html' ? '' : name)) ?? null;
  return { page, rest: rest.filter((part) => part !== '') };
}

/** @param {string} part */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
