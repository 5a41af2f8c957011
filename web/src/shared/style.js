// Style sheets that not every page needs.

import { h } from './dom.js';

/** @type {Map<string, Promise<void>>} */
const loaded = new Map();

/** Adds a style sheet once; waits until it holds. @param {string} name below `styles/`, or `../` and a path @returns {Promise<void>} */
export function loadStyle(name) {
  const known = loaded.get(name);
  if (known) return known;
  const link = h('link', { rel: 'stylesheet', href: new URL(`../../styles/${name}`, import.meta.url).href });
  /** @type {Promise<void>} */
  const loading = new Promise((resolve, reject) => {
    link.addEventListener('load', () => resolve());
    link.addEventListener('error', () => reject(new Error(`${name} could not be loaded`)));
  });
  document.head.append(link);
  loaded.set(name, loading);
  return loading;
}
