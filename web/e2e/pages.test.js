// What holds on every page: policy, accessibility in both themes, widths, silence while hidden,
// hostile text, and that the server's death is seen and got over.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { eventually, expectNoOverflow, expectNoViolations, expectSilenceWhenHidden, hide, launch, openPage, skip, startServer, until } from './support.js';

/** @typedef {import('playwright-core').Page} Page */

const PAGES = ['/perf', '/', '/packets', '/nodes', '/observers', '/channels', '/no-such-page'];
const WIDTHS = [320, 768, 1920];

/** @type {import('./support.js').Server} */
let server;
/** @type {import('playwright-core').Browser} */
let browser;
before(async () => {
  if (skip) return;
  [server, browser] = await Promise.all([startServer(), launch()]);
});
after(async () => {
  await browser?.close();
  await server?.end();
});

/** A page that has something to show, and its violations of the policy. @param {string} path @param {object} [how] */
async function opened(path, how = {}) {
  /** @type {string[]} */
  const refused = [];
  const told = await openPage(browser, server.url + path, {
    prepare: async (page) => {
      await page.exposeFunction('noteRefused', (/** @type {string} */ what) => refused.push(what));
      await page.addInitScript(() => addEventListener('securitypolicyviolation', (event) => {
        /** @type {any} */ (globalThis).noteRefused(`${event.effectiveDirective}: ${event.blockedURI}`);
      }));
    },
    ...how,
  });
  await shown(told.page);
  return { ...told, refused };
}

/** @param {Page} page */
async function shown(page) {
  await page.locator('main h1').waitFor();
  await page.waitForFunction(() => !document.querySelector('.freshness[data-kind=waiting]'));
}

for (const path of PAGES) {
  test(`${path}: no violation of WCAG in either theme, nothing too wide, nothing that the policy forbids`, { skip }, async () => {
    const { page, faults, refused, close } = await opened(path);
    await expectNoViolations(page);
    await page.emulateMedia({ colorScheme: 'dark' });
    await expectNoViolations(page);
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 900 });
      await expectNoOverflow(page);
    }
    assert.deepEqual([...faults, ...refused], []);
    await close();
  });
}

test('the policy is on every page, and refuses what is inline', { skip }, async () => {
  for (const path of PAGES) {
    const answer = await fetch(server.url + path, { headers: { Accept: 'text/html' } });
    const policy = answer.headers.get('content-security-policy') ?? '';
    assert.match(policy, /default-src 'none'.*script-src 'self'/, path);
    assert.doesNotMatch(policy, /unsafe|http|\*/, path);
    assert.equal(answer.status, path === '/no-such-page' ? 404 : 200, path);
  }
  const { page, refused, close } = await opened('/no-such-page');
  await page.evaluate(() => document.body.setAttribute('style', 'color: red'));
  await page.evaluate(() => {
    const style = document.createElement('style');
    style.append('body { color: red }');
    document.head.append(style);
  });
  await until('the browser to refuse', () => refused.some((what) => /^style-src/.test(what)));
  await close();
});

test('hidden pages ask nothing and listen to nothing; seen again they go on at once', { skip }, async () => {
  for (const path of PAGES.filter((one) => one !== '/no-such-page')) {
    /** @type {import('playwright-core').WebSocket[]} */
    const feeds = [];
    const { page, watch, close } = await opened(path, {
      prepare: async (/** @type {Page} */ fresh) => {
        fresh.on('websocket', (feed) => feeds.push(feed));
        await fresh.clock.install();
      },
    });
    await hide(page, true);
    await until('the feeds to be closed', () => feeds.every((feed) => feed.isClosed()));
    await expectSilenceWhenHidden(page, watch);
    assert.ok(feeds.every((feed) => feed.isClosed()), `${path} listened while hidden`);
    await Promise.all([page.waitForRequest('**/api/**'), hide(page, false)]);
    await close();
  }
});

test('what the air says is text on the start page too', { skip }, async () => {
  const hostile = '<img src=x onerror=alert(1)>\u202e<script>alert(2)</script>';
  const packet = {
    hash: hostile, observer_name: hostile, observer_id: hostile, payload_type: 4, route_type: 1, path_json: hostile, snr: null,
    timestamp: '2026-11-23T12:00:00Z', decoded_json: JSON.stringify({ type: 'ADVERT', name: hostile }),
  };
  const { page, faults, refused, close } = await opened('/', {
    prepare: (/** @type {Page} */ fresh) => fresh.route('**/api/packets?*', (asked) => asked.fulfill({ json: { packets: [packet], total: 1 } })),
  });
  await page.locator('tbody tr', { hasText: '<img src=x' }).waitFor();
  assert.equal(await page.locator('main img, main script').count(), 0);
  assert.doesNotMatch(await page.locator('tbody').innerText(), /\u202e/, 'no mark turns the text around it');
  assert.deepEqual([...faults, ...refused], []);
  await close();
});

test('links, back and forward work without a reload, and the title says where one is', { skip }, async () => {
  const { page, close } = await opened('/');
  await page.evaluate(() => { /** @type {any} */ (globalThis).isSame = true; });
  for (const name of ['Perf', 'Packets', 'Nodes']) {
    await page.locator('#nav').getByRole('link', { name }).click();
    await page.waitForFunction((title) => document.title.startsWith(title), name);
    await eventually(async () => assert.equal(await page.locator('#nav [aria-current]').innerText(), name));
    // A screen reader goes on at the new page.
    await page.waitForFunction(() => document.activeElement?.id === 'main');
  }
  await page.goBack();
  await page.waitForFunction(() => document.title.startsWith('Packets'));
  assert.equal(await page.evaluate(() => /** @type {any} */ (globalThis).isSame), true);
  await close();
});

test('the live page says that the server is gone, and goes on by itself when it is back', { skip }, async () => {
  const { page, faults, close } = await opened('/');
  await page.locator('tbody tr').first().waitFor();
  await server.kill();
  await page.getByText('Connection lost, trying again…').waitFor();
  await page.locator('.freshness[data-kind=failed]').waitFor();
  await page.locator('#warmup-banner', { hasText: 'does not answer' }).waitFor();
  await server.start();
  await page.getByText('Live.', { exact: true }).waitFor();
  await page.locator('.freshness[data-kind=fresh]').waitFor();
  assert.deepEqual(faults, []);
  await close();
});
