// Begins: navigation, theme, warm-up banner, and the page of the address.

import { startBanner } from './banner/banner.js';
import { startRouter } from './router.js';
import { themeButton } from './shared/theme.js';

/** @param {string} id */
const element = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

element('tools').append(themeButton());
startBanner();
startRouter(element('main'), element('nav'));
