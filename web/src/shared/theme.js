// Light, dark, or as the system has it.

import { h, setText } from './dom.js';

/** @typedef {'auto' | 'light' | 'dark'} Theme */

const KEY = 'corescope-theme';
/** @type {Theme[]} */
const THEMES = ['auto', 'light', 'dark'];
const changed = new Set();

/** @returns {Theme} */
function chosen() {
  const theme = document.documentElement.dataset.theme;
  return theme === 'light' || theme === 'dark' ? theme : 'auto';
}

/** Told when colours change; charts draw again. @param {() => void} listener */
export function onTheme(listener) {
  changed.add(listener);
  const system = matchMedia('(prefers-color-scheme: dark)');
  system.addEventListener('change', listener);
  return () => {
    changed.delete(listener);
    system.removeEventListener('change', listener);
  };
}

/** @returns {HTMLButtonElement} */
export function themeButton() {
  const label = () => `Theme: ${chosen()}`;
  const button = h('button', {
    type: 'button', class: 'quiet', title: 'Switch between the system’s theme, light and dark',
    on: {
      click() {
        const next = THEMES[(THEMES.indexOf(chosen()) + 1) % THEMES.length] ?? 'auto';
        choose(next);
        setText(button, label());
      },
    },
  }, label());
  return button;
}

/** @param {Theme} theme */
function choose(theme) {
  if (theme === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // It holds for this page only, then.
  }
  changed.forEach((listener) => listener());
}
