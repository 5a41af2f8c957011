// Shows the page of the address. Links within the pages change the address without a reload.

import { wakeBanner } from './banner/banner.js';
import { h } from './shared/dom.js';
import { textOf } from './shared/poll.js';
import { PAGES, pageOf } from './pages.js';
import { loadStyle } from './shared/style.js';

/** @typedef {import('./pages.js').Page} Page */

/**
 * @param {HTMLElement} outlet
 * @param {HTMLElement} nav
 */
export function startRouter(outlet, nav) {
  const links = new Map(PAGES.map((page) => [page.name, h('a', { href: `/${page.name}` }, page.label)]));
  nav.append(h('ul', {}, [...links.values()].map((link) => h('li', {}, link))));
  /** @type {() => void} */
  let leave = () => {};

  const show = async (/** @type {boolean} */ isFirst) => {
    leave();
    const { page, rest } = pageOf(location.pathname);
    const left = new AbortController();
    leave = () => left.abort();
    mark(links, page);
    document.title = page ? `${page.label} · CoreScope` : 'CoreScope';
    const root = h('div', { class: `page page--${page?.name || 'start'}` });
    try {
      const [module] = await Promise.all([page?.load(), page?.style && loadStyle(page.style)]);
      const mount = module?.mount ?? notFound;
      if (left.signal.aborted) return;
      outlet.replaceChildren(root);
      const unmount = mount(root, {
        rest,
        query: new URLSearchParams(location.search),
        setQuery,
        navigate,
        setTitle: (title) => { document.title = `${title} · CoreScope`; },
        signal: left.signal,
      });
      leave = () => {
        left.abort();
        unmount?.();
      };
    } catch (error) {
      outlet.replaceChildren(failed(error));
    }
    if (!isFirst) {
      wakeBanner();
      scrollTo(0, 0);
      outlet.focus({ preventScroll: true });
    }
  };

  /** @param {string} address */
  const navigate = (address) => {
    history.pushState(null, '', address);
    show(false);
  };
  document.addEventListener('click', (event) => {
    const address = ownAddress(event);
    if (address === null) return;
    event.preventDefault();
    navigate(address);
  });
  addEventListener('popstate', () => show(false));
  // CoreScope's own front end has its pages behind a hash: its bookmarks keep working.
  const old = /^#\/(\w+)/.exec(location.hash)?.[1];
  if (old && pageOf(`/${old}`).page) history.replaceState(null, '', `/${old}`);
  show(true);
}

/** @param {URLSearchParams} query */
function setQuery(query) {
  const text = query.toString();
  history.replaceState(null, '', text === '' ? location.pathname : `${location.pathname}?${text}`);
}

/**
 * The address of a plain click on a link to one of our pages.
 * @param {MouseEvent} event
 */
function ownAddress(event) {
  const isPlain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
  const link = event.target instanceof Element ? event.target.closest('a') : null;
  if (!isPlain || event.defaultPrevented || !link || link.target || link.hasAttribute('download')) return null;
  const url = new URL(link.href, location.href);
  if (url.origin !== location.origin || !pageOf(url.pathname).page) return null;
  const isJump = url.hash !== '' && url.pathname === location.pathname && url.search === location.search;
  return isJump ? null : url.pathname + url.search + url.hash;
}

/** @param {Map<string, HTMLElement>} links @param {Page | null} page */
function mark(links, page) {
  for (const [name, link] of links) {
    if (name === page?.name) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
}

/** @param {HTMLElement} root */
function notFound(root) {
  root.append(h('h1', {}, 'No such page'), h('p', {}, 'There is nothing at this address. ',
    h('a', { href: '/' }, 'To the start page')));
}

/** @param {unknown} error */
function failed(error) {
  return h('div', { class: 'page' },
    h('h1', {}, 'This page could not be loaded'),
    h('p', {}, `${textOf(error)}. The server may be gone, or newer than this page.`),
    h('p', {}, h('button', { type: 'button', on: { click: () => location.reload() } }, 'Load again')));
}
