// The Perf page against a real server in demo mode.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { count } from '../src/shared/format.js';
import { eventually, expectNoOverflow, expectNoViolations, expectSilenceWhenHidden, hide, launch, openPage, skip, startServer, until } from './support.js';

/** @typedef {import('playwright-core').Page} Page */

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

const perf = () => `${server.url}/perf`;
/** @param {Page} page */
const filled = (page) => page.waitForFunction(() => performance.getEntriesByName('perf-refresh').length > 0);
/** @param {Page} page @param {string} section @param {string} label */
const figure = (page, section, label) => page.locator(`section[aria-labelledby=${section}] .figure`, { has: page.locator('dt', { hasText: new RegExp(`^${label}$`) }) }).locator('dd');

test('figures are those of the API', { skip }, async () => {
  // A process that is younger than its first sample has no figures of ingest, and says so.
  await until('the first sample', async () => (await (await fetch(`${server.url}/api/perf/write-sources`)).json()).ingestorStatus.state === 'fresh');
  /** @type {Record<string, any>} */
  const told = {};
  let asked = 0;
  const { page, faults, watch, close } = await openPage(browser, perf(), {
    prepare: async (fresh) => fresh.on('response', async (answer) => {
      const path = new URL(answer.url()).pathname;
      if (path === '/api/perf') asked += 1;
      if (path.startsWith('/api/perf') || path === '/api/health') told[path] = await answer.json().catch(() => null);
    }),
  });
  await filled(page);
  // What is shown stays as it is: nothing is asked any more, and all that was asked is shown. Who
  // hides the page in the middle of a refresh sees the one before it: then it is done again.
  const refreshes = () => page.evaluate(() => performance.getEntriesByName('perf-refresh').length);
  let isShown = false;
  for (let turn = 0; turn < 5 && !isShown; turn += 1) {
    asked = await refreshes();
    const before = asked;
    await hide(page, false);
    await until('a refresh', async () => await refreshes() > before);
    await hide(page, true);
    await watch.quiet();
    isShown = await refreshes() === asked && Object.keys(told).length >= 8;
  }
  assert.ok(isShown, 'all that was asked is shown');
  const { rows } = told['/api/perf'].sqlite;
  for (const [label, rowCount] of [['Transmissions', rows.transmissions], ['Observations', rows.observations], ['Nodes', rows.nodes]]) {
    assert.match(await figure(page, 'sqlite', label).innerText(), new RegExp(`^${count(rowCount)}\\b`), label);
  }
  assert.match(await figure(page, 'sqlite', 'Database').innerText(), new RegExp(`${count(told['/api/perf/sqlite'].pageCount)} pages`));
  const sources = told['/api/perf/write-sources'].sources;
  assert.ok(Object.keys(sources).length > 5);
  for (const [name, total] of Object.entries(sources)) {
    const line = page.locator('section[aria-labelledby=writes] table').first().locator('tr', { hasText: name });
    assert.equal(await line.locator('td').first().innerText(), count(total), name);
  }
  const io = page.locator('section[aria-labelledby=io] tr', { hasText: 'MQTT sources' });
  assert.match(await io.innerText(), /—.*no such thread is running/s, 'what is not known has its reason and no 0');
  assert.equal(await page.locator('section[aria-labelledby=migrations] tbody tr').count(), told['/api/perf/async-migrations'].length);
  await page.locator('.chart__plot canvas').first().waitFor();
  assert.deepEqual(faults, []);
  await close();
});

test('a section that cannot be read says why, and the page names it first', { skip }, async () => {
  const busy = { status: 503, headers: { 'Retry-After': '1' }, contentType: 'application/json', body: '{"error":"all readers are busy"}' };
  const { page, close } = await openPage(browser, perf(), { prepare: (fresh) => fresh.route('**/api/perf/sqlite', (route) => route.fulfill(busy)) });
  await filled(page);
  assert.match(await page.locator('.findings').innerText(), /SQLite cannot be read: all readers are busy/);
  assert.match(await page.locator('section[aria-labelledby=sqlite] > .note').innerText(), /all readers are busy/);
  assert.equal(await figure(page, 'sqlite', 'WAL file').count(), 0, 'no figure, and no 0');
  await close();
});

test('hostile text is text', { skip }, async () => {
  const hostile = '<img src=x onerror=alert(1)><script>alert(2)</script>';
  const { page, faults, close } = await openPage(browser, perf(), {
    prepare: async (fresh) => {
      await fresh.route('**/api/perf/anomalies', (route) => route.fulfill({ json: {
        judgedAt: '2026-11-23T12:00:00Z', everySec: 10,
        anomalies: [{ rule: 'rate', series: `rate.${hostile}`, source: hostile, unit: '/s', value: 9, normal: 1, sinceMs: 1, mad: 0, what: hostile }],
      } }));
      await fresh.route('**/api/perf', async (route) => {
        const body = await (await route.fetch()).json();
        body.slowQueries = [{ path: `/api/${hostile}`, ms: 101, time: '2026-11-23T12:00:00Z', status: 404 }];
        await route.fulfill({ json: body });
      });
    },
  });
  await filled(page);
  assert.match(await page.locator('.finding').first().innerText(), /<img src=x onerror/);
  assert.match(await page.locator('section[aria-labelledby=slow] tbody').textContent() ?? '', /<script>alert\(2\)/);
  assert.equal(await page.locator('main img, main script').count(), 0);
  assert.deepEqual(faults, []);
  await close();
});

for (const [width, dark] of /** @type {[number, boolean][]} */ ([[320, false], [320, true], [1280, true], [1920, false]])) {
  test(`nothing is in the way of anybody at ${width} px, ${dark ? 'dark' : 'light'}`, { skip }, async () => {
    const { page, faults, close } = await openPage(browser, perf(), { width, dark });
    await filled(page);
    await expectNoOverflow(page);
    await expectNoViolations(page);
    const scheme = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    assert.equal(/rgb\(18, 22, 20\)/.test(scheme), dark, scheme);
    assert.deepEqual(faults, []);
    await close();
  });
}

test('everything can be reached and done by keyboard, and the theme can be chosen', { skip }, async () => {
  const { page, close } = await openPage(browser, perf());
  await filled(page);
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Skip to the content');
  const rate = page.locator('section[aria-labelledby=writes] th button', { hasText: 'Total' }).first();
  await rate.focus();
  await page.keyboard.press('Enter');
  await eventually(async () => assert.equal(await rate.locator('..').getAttribute('aria-sort'), 'ascending'));
  const theme = page.getByRole('button', { name: /Theme/ });
  await theme.press('Enter');
  await theme.press('Enter');
  const chosen = () => page.evaluate(() => document.documentElement.dataset.theme);
  await eventually(async () => assert.equal(await chosen(), 'dark'));
  await page.reload();
  await eventually(async () => assert.equal(await chosen(), 'dark', 'chosen for good'));
  await close();
});

test('a hidden tab asks nothing at all', { skip }, async () => {
  const { page, watch, close } = await openPage(browser, perf(), { prepare: (fresh) => fresh.clock.install() });
  await page.locator('.freshness[data-kind=fresh]').waitFor();
  await expectSilenceWhenHidden(page, watch);
  const [request] = await Promise.all([page.waitForRequest('**/api/perf'), hide(page, false)]);
  assert.ok(request, 'and at once when it is seen again');
  await close();
});

test('without the chart library a table stands where a chart would be', { skip }, async () => {
  const { page, close } = await openPage(browser, perf(), { prepare: (fresh) => fresh.route('**/vendor/uplot.js', (route) => route.fulfill({ status: 404 })) });
  const chart = page.locator('.chart').first();
  await chart.locator('tbody tr').first().waitFor();
  assert.match(await chart.innerText(), /no chart library/);
  await expectNoViolations(page);
  await close();
});

test('the death of the server is shown within one interval, and recovered from without a reload', { skip }, async () => {
  const { page, faults, close } = await openPage(browser, perf());
  await filled(page);
  await page.evaluate(() => { /** @type {any} */ (globalThis).isSame = true; });
  await server.kill();
  await page.locator('.freshness[data-kind=failed]').waitFor();
  assert.match(await page.locator('.freshness').innerText(), /No answer since .* What is shown is/);
  await page.locator('#warmup-banner', { hasText: 'does not answer' }).waitFor();
  await server.start();
  await page.locator('.freshness[data-kind=fresh]').waitFor();
  await page.locator('#warmup-banner.warmup-banner--hidden').waitFor({ state: 'attached' });
  assert.equal(await page.evaluate(() => /** @type {any} */ (globalThis).isSame), true);
  assert.deepEqual(faults, []);
  await close();
});
