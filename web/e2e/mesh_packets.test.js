// Packets: the live list, its filters, and one packet byte by byte.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ask, figure, filled, fresh, manyPackets, publicText, rowOf, send } from './mesh_support.js';
import { eventually, expectNoOverflow, expectNoViolations, expectSilenceWhenHidden, hide, launch, openPage, skip, startServer } from './support.js';

/** @type {import('./support.js').Server} */
let server;
/** @type {import('playwright-core').Browser} */
let browser;
before(async () => {
  if (skip) return;
  [server, browser] = await Promise.all([startServer({ seed: manyPackets(50_000) }), launch()]);
});
after(async () => {
  await browser?.close();
  await server?.end();
});

const list = (query = '') => `${server.url}/packets${query}`;
/** @param {import('playwright-core').Page} page @param {string} text */
const isLive = (page, text) => page.locator('.live', { hasText: text }).waitFor();

test('a packet that comes in is in the list without a reload, and counted when it is heard again', { skip }, async () => {
  const { page, faults, close } = await openPage(browser, list());
  await filled(page);
  await isLive(page, 'Live');
  const hex = publicText('Ann: hello from the tests');
  await send(server.url, hex);
  const row = rowOf(page, 'hello from the tests');
  await row.waitFor();
  await eventually(async () => assert.match(await row.innerText(), /GRP_TXT\s+Public · Ann: hello from the tests\s+tester\s+1 ×\s+0\s+7\.5\s+-88/));
  assert.equal(await page.locator('table.list tbody tr').first().innerText(), await row.innerText(), 'the latest is first');
  await send(server.url, hex, { observer: 'second', snr: -3, rssi: -110 });
  await page.locator('tr', { hasText: 'hello from the tests' }).locator('td', { hasText: /^2 ×$/ }).waitFor();
  await eventually(async () => assert.equal(await row.count(), 1));
  assert.deepEqual(faults, []);
  await close();
});

test('filters are the address: they survive a reload and the back button, and rule what comes in', { skip }, async () => {
  const { page, faults, close } = await openPage(browser, list());
  await filled(page);
  await page.getByLabel('Type').selectOption('ADVERT');
  await page.waitForURL(/type=4/);
  const { total } = await ask(server.url, '/api/packets?type=4&limit=1&groupByHash=true');
  await page.locator('.pager p', { hasText: new RegExp(`of ${total.toLocaleString('en-US')}$`) }).waitFor();
  await eventually(async () => assert.ok((await page.locator('table.list td .kind').allInnerTexts()).every((kind) => kind === 'ADVERT')));
  await page.getByRole('button', { name: 'Next' }).click();
  await page.waitForURL(/offset=50/);
  await page.reload();
  await filled(page);
  await eventually(async () => assert.equal(await page.getByLabel('Type').inputValue(), '4'));
  await eventually(async () => assert.match(await page.locator('.pager p').innerText(), /^51–100 of/));
  await page.goBack();
  await page.waitForURL((url) => url.search === '?type=4');
  await isLive(page, 'Live');
  await page.goBack();
  await page.waitForURL((url) => url.search === '');
  await eventually(async () => assert.equal(await page.getByLabel('Type').inputValue(), ''));
  await page.goForward();
  await isLive(page, 'Live');
  await filled(page);
  await send(server.url, publicText('Bob: not an advert'));
  await send(server.url, '11007e7662676f7f0850a8a355baafbfc1eb7b4174c340442d7d7161c9474a2c94006ce7cf682e58408dd8fcc51906eca98ebf94a037886bdade7ecd09fd92b839491df3809c9454f5286d1d3370ac31a34593d569e9a042a3b41fd331dffb7e18599ce1e60992a076d50238c5b8f85757375354522f50756765744d65736820436f75676172');
  await rowOf(page, 'WW7STR/PugetMesh Cougar').waitFor();
  assert.equal(await rowOf(page, 'not an advert').count(), 0);
  assert.deepEqual(faults, []);
  await close();
});

test('the plain list and its order are the API\'s', { skip }, async () => {
  for (const [query, asked] of [['?view=plain', '?limit=50'], ['?view=plain&order=asc', '?limit=50&order=asc'], ['?observer=tester&type=5', '?limit=50&groupByHash=true&observer=tester&type=5']]) {
    const { page, close } = await openPage(browser, list(query));
    await filled(page);
    const { packets } = await ask(server.url, `/api/packets${asked}`);
    const links = () => page.locator('table.list tbody th a').evaluateAll((all) => all.map((link) => link.getAttribute('href')));
    await eventually(async () => assert.deepEqual(await links(), packets.map((/** @type {any} */ { hash }) => `/packets/${hash}`), query));
    await close();
  }
});

test('of 50,000 packets a page is in the document, the last one too', { skip }, async () => {
  const { page, faults, close } = await openPage(browser, list('?limit=200&view=plain'));
  await filled(page);
  await eventually(async () => assert.equal(await page.locator('table.list tbody tr').count(), 200));
  const { total } = await ask(server.url, '/api/packets?limit=1');
  assert.ok(total >= 50_000, total);
  const started = Date.now();
  await page.getByRole('button', { name: 'Last' }).click();
  await page.locator('.pager p', { hasText: `–${total.toLocaleString('en-US')} of ${total.toLocaleString('en-US')}` }).waitFor();
  console.log(`# the last of ${total} packets after ${Date.now() - started} ms`);
  await eventually(async () => assert.ok(await page.locator('table.list tbody tr').count() <= 200));
  await eventually(async () => assert.ok(await page.getByRole('button', { name: 'Next' }).isDisabled()));
  assert.deepEqual(faults, []);
  await close();
});

test('a packet shows every reception that the API reports, and its bytes', { skip }, async () => {
  const hex = publicText('Cara: byte by byte');
  await send(server.url, hex, { observer: 'one', snr: 4.25, rssi: -91 });
  await send(server.url, hex, { observer: 'two', snr: -8, rssi: -120 });
  const { packets } = await ask(server.url, '/api/packets?observer=two&limit=1');
  const { packet, observations } = await ask(server.url, `/api/packets/${packets[0].hash}`);
  assert.equal(observations.length, 2);
  const { page, faults, close } = await openPage(browser, `${server.url}/packets/${packet.hash}`);
  await filled(page);
  await page.locator('.ranges tbody tr').first().waitFor();
  await eventually(async () => assert.equal(await page.locator('.receptions tbody tr').count(), observations.length));
  for (const { observer_id: id, snr, rssi } of observations) {
    const row = page.locator('.receptions tbody tr', { has: page.locator('a', { hasText: id }) });
    assert.deepEqual(await row.locator('td.number').allInnerTexts(), [snr.toFixed(1), String(rssi), '0']);
    assert.match(await row.locator('time').getAttribute('datetime') ?? '', /Z$/);
  }
  await eventually(async () => assert.match(await figure(page, 'Receptions').innerText(), /^2\b/));
  const bytes = (await page.locator('.hex__range').allInnerTexts()).join(' ').replaceAll(' ', '');
  assert.equal(bytes, hex.toUpperCase(), 'every byte once');
  const decoded = await (await fetch(`${server.url}/api/decode`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ hex, breakdown: true }) })).json();
  await eventually(async () => assert.equal(await page.locator('.ranges tbody tr').count(), decoded.breakdown.ranges.length));
  await eventually(async () => assert.match(await page.locator('.ranges').innerText(), /Cara: byte by byte/));
  await page.reload();
  await filled(page);
  await eventually(async () => assert.match(await page.locator('h1').innerText(), new RegExp(packet.hash)));
  assert.deepEqual(faults, []);
  await close();
});

test('bytes and what they say are linked, by pointer and by keyboard', { skip }, async () => {
  const { packets } = await ask(server.url, '/api/packets?type=4&limit=1');
  const { page, close } = await openPage(browser, `${server.url}/packets/${packets[0].hash}`);
  const parts = page.locator('.hex [role=button]');
  await parts.first().waitFor();
  const marked = () => page.locator('.ranges tr[data-marked] th').allInnerTexts();
  await parts.first().focus();
  await eventually(async () => assert.deepEqual(await marked(), ['header']));
  await page.keyboard.press('ArrowRight');
  await eventually(async () => assert.deepEqual(await marked(), ['path length']));
  await page.keyboard.press('End');
  await eventually(async () => assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('data-range')), String(await parts.count() - 1)));
  await page.keyboard.press('Home');
  await page.locator('.ranges tbody tr', { hasText: 'public key' }).hover();
  const key = page.locator('.hex__range[data-marked]');
  await eventually(async () => assert.match(await key.first().getAttribute('aria-label') ?? '', /: public key, bytes/));
  await close();
});

test('a packet that is not there is said to be not there', { skip }, async () => {
  const { page, faults, close } = await openPage(browser, `${server.url}/packets/0123456789abcdef`);
  await page.getByText('There is no such packet').waitFor();
  await expectNoViolations(page);
  assert.deepEqual(faults, []);
  await close();
});

for (const [width, dark] of /** @type {[number, boolean][]} */ ([[320, true], [1280, false], [1920, true]])) {
  test(`packets are in nobody's way at ${width} px, ${dark ? 'dark' : 'light'}`, { skip }, async () => {
    const { packets } = await ask(server.url, '/api/packets?type=4&limit=1');
    for (const path of ['/packets?since=2020-01-01', `/packets/${packets[0].hash}`]) {
      const { page, faults, close } = await openPage(browser, server.url + path, { width, dark });
      await filled(page);
      await expectNoOverflow(page);
      await expectNoViolations(page);
      assert.deepEqual(faults, []);
      await close();
    }
  });
}

test('all is done by keyboard; who is in the list has it hold still', { skip }, async () => {
  const { page, close } = await openPage(browser, list());
  await filled(page);
  await isLive(page, 'Live');
  await page.getByRole('textbox', { name: 'Channel' }).focus();
  await page.keyboard.type('Public');
  await page.keyboard.press('Enter');
  await page.waitForURL(/channel=Public/);
  await filled(page);
  const first = page.locator('table.list tbody a').first();
  await first.focus();
  const address = await first.getAttribute('href');
  await send(server.url, publicText('Dan: while you read'));
  await isLive(page, 'Held while you are in the list, 1 reception since');
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('href')), address);
  assert.equal(await rowOf(page, 'while you read').count(), 0);
  await page.getByRole('textbox', { name: 'Channel' }).focus();
  await rowOf(page, 'while you read').waitFor();
  await page.getByRole('button', { name: 'Pause' }).press('Enter');
  await send(server.url, publicText('Eve: while it is paused'));
  await isLive(page, 'Paused, 1 reception since');
  await page.getByRole('button', { name: 'Resume' }).press('Enter');
  await rowOf(page, 'while it is paused').waitFor();
  await rowOf(page, 'while it is paused').locator('a').press('Enter');
  await page.waitForURL(/\/packets\/[0-9a-f]{16}$/);
  await page.goBack();
  await page.waitForURL(/channel=Public/);
  await close();
});

test('a hidden tab asks nothing and has no feed; seen again it is complete', { skip }, async () => {
  const { page, watch, close } = await openPage(browser, list(), { prepare: (opened) => opened.clock.install() });
  await fresh(page);
  await isLive(page, 'Live');
  let sockets = 0;
  page.on('websocket', () => { sockets += 1; });
  await expectSilenceWhenHidden(page, watch);
  assert.equal(sockets, 0);
  await send(server.url, publicText('Fay: while nobody looked'));
  await hide(page, false);
  await rowOf(page, 'while nobody looked').waitFor();
  await close();
});

test('the feed\'s death is said, and the list is live again without a reload', { skip }, async () => {
  const { page, faults, close } = await openPage(browser, list());
  await filled(page);
  await isLive(page, 'Live');
  await page.evaluate(() => { /** @type {any} */ (globalThis).isSame = true; });
  await server.kill();
  await isLive(page, 'No live feed since');
  await page.locator('.freshness[data-kind=failed]').waitFor();
  assert.ok(await page.locator('table.list tbody tr').count() > 0, 'what was shown stays');
  await server.start();
  await isLive(page, 'asked for');
  await eventually(async () => assert.match(await page.locator('.live').innerText(), /^Live · gap \d\d:\d\d:\d\d–\d\d:\d\d:\d\d UTC asked for$/));
  await send(server.url, publicText('Gus: after the restart'));
  await rowOf(page, 'after the restart').waitFor();
  assert.equal(await page.evaluate(() => /** @type {any} */ (globalThis).isSame), true);
  assert.deepEqual(faults, []);
  await close();
});
