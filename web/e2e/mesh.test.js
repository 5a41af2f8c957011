// Nodes, observers, channels, and what all mesh pages promise.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { count } from '../src/shared/format.js';
import { ask, figure, filled, fresh, hostileMesh, HOSTILE, LONG, publicText, rowOf, send } from './mesh_support.js';
import { eventually, expectNoOverflow, expectNoViolations, expectSilenceWhenHidden, hide, launch, openPage, skip, startServer, until } from './support.js';

/** @typedef {import('playwright-core').Page} Page */

/** @type {import('./support.js').Server} */
let server;
/** @type {import('playwright-core').Browser} */
let browser;
before(async () => {
  if (skip) return;
  [server, browser] = await Promise.all([startServer({ seed: hostileMesh }), launch()]);
  // Until keys of both cases are one, a node may be there twice.
  await until('all migrations to end', async () => !(await ask(server.url, '/api/healthz')).async_migrations_running);
});
after(async () => {
  await browser?.close();
  await server?.end();
});

/** Opens it filled. @param {string} path @param {Parameters<typeof openPage>[2]} [how] */
async function open(path, how) {
  const opened = await openPage(browser, server.url + path, how);
  await filled(opened.page);
  return opened;
}
const cells = (/** @type {Page} */ page, /** @type {string} */ column) => page.locator('table.list').first().evaluate((table, label) => {
  const place = [...table.querySelectorAll('thead th')].findIndex((head) => head.textContent === label);
  return [...table.querySelectorAll('tbody tr')].map((line) => line.children[place]?.textContent ?? '');
}, column);

test('nodes are those of the API, in the order that is asked for, and found by name', { skip }, async () => {
  const { page, faults, close } = await open('/nodes');
  const { nodes, counts } = await ask(server.url, '/api/nodes?limit=2000');
  await eventually(async () => assert.equal(await figure(page, 'Repeaters').innerText(), count(counts.repeaters)));
  await page.getByRole('button', { name: 'Adverts' }).click();
  const expected = nodes.map((/** @type {any} */ node) => node.advert_count).sort((/** @type {number} */ a, /** @type {number} */ b) => b - a).slice(0, 100);
  await eventually(async () => assert.deepEqual(await cells(page, 'Adverts'), expected.map(count)));
  await eventually(async () => assert.match(page.url(), /sort=adverts&dir=desc/));
  await page.getByLabel('Search').fill(nodes[9].public_key.slice(0, 12));
  await rowOf(page, nodes[9].name).waitFor();
  await page.waitForFunction(() => document.querySelectorAll('table.list tbody tr').length === 1);
  await page.reload();
  await filled(page);
  await eventually(async () => assert.equal(await page.locator('table.list tbody tr').count(), 1, 'search and order survive a reload'));
  assert.deepEqual(faults, []);
  await close();
});

test('a node shows what the API knows of it, and what it does not know is not 0', { skip }, async () => {
  const { nodes } = await ask(server.url, '/api/nodes?role=repeater&limit=20');
  const { node, recentAdverts } = await ask(server.url, `/api/nodes/${nodes[9].public_key}`);
  const { page, faults, close } = await open(`/nodes/${node.public_key}`);
  await eventually(async () => assert.equal(await page.locator('h1').innerText(), node.name));
  await eventually(async () => assert.match(await figure(page, 'Adverts').innerText(), new RegExp(`^${count(node.advert_count)}\\b`)));
  for (const [label, value] of [['Relayed, last day', node.relay_count_24h], ['Battery', node.battery_mv], ['Temperature', node.temperature_c]]) {
    await eventually(async () => {
      const text = await figure(page, label).innerText();
      if (value === null || value === undefined) assert.match(text, /^—\s+not known$/, label);
      else assert.doesNotMatch(text, /not known/, label);
    });
  }
  await eventually(async () => assert.equal(await page.locator('table.list tbody tr').count(), recentAdverts.length));
  assert.deepEqual(faults, []);
  await close();
});

test('observers are those of the API, and so are their figures', { skip }, async () => {
  const { page, faults, close } = await open('/observers');
  const { observers } = await ask(server.url, '/api/observers');
  await eventually(async () => assert.equal(await figure(page, 'Observers').innerText(), count(observers.length)));
  await page.getByRole('button', { name: 'Receptions' }).click();
  const expected = observers.map((/** @type {any} */ one) => one.packet_count).sort((/** @type {number} */ a, /** @type {number} */ b) => b - a).slice(0, 100);
  await eventually(async () => assert.deepEqual(await cells(page, 'Receptions'), expected.map(count)));
  const one = observers[3];
  await page.getByLabel('Search').fill(one.id);
  await rowOf(page, one.name).locator('a').click();
  await page.waitForURL(/\/observers\/./);
  await figure(page, 'Receptions').waitFor();
  await eventually(async () => assert.match(await figure(page, 'Receptions').innerText(), new RegExp(`^${count(one.packet_count)}\\b`)));
  await page.getByRole('link', { name: 'What it heard' }).click();
  await page.waitForURL((url) => url.searchParams.get('observer') === one.id);
  assert.deepEqual(faults, []);
  await close();
});

test('channels say how much was said, and sealed ones that nobody can read them', { skip }, async () => {
  const { page, faults, close } = await open('/channels');
  const { channels } = await ask(server.url, '/api/channels?includeEncrypted=true');
  const open0 = channels.find((/** @type {any} */ one) => !one.encrypted && one.name !== 'Public');
  const sealed = channels.find((/** @type {any} */ one) => one.encrypted);
  for (const [one, kind] of [[open0, 'open'], [sealed, 'sealed']]) {
    const row = rowOf(page, one.name);
    await eventually(async () => assert.deepEqual((await row.locator('td').allInnerTexts()).slice(0, 2), [kind, count(one.messageCount)]));
  }
  await rowOf(page, open0.name).locator('a').click();
  await page.locator('.message').first().waitFor();
  const { messages } = await ask(server.url, `/api/channels/${encodeURIComponent(open0.hash)}/messages?limit=100`);
  await eventually(async () => assert.equal(await page.locator('.message').count(), messages.length));
  const last = messages.at(-1);
  const shown = page.locator('.message').first();
  assert.equal(await shown.locator('.message__sender').innerText(), last.sender);
  assert.equal(await shown.locator('.message__text').innerText(), last.text);
  assert.match(await shown.locator('.note').innerText(), new RegExp(`^${last.hops === 0 ? 'direct' : `${last.hops} hops?`} · heard ${last.repeats} time`));
  assert.equal(await shown.locator('a').getAttribute('href'), `/packets/${last.packetHash}`);
  await page.goto(`${server.url}/channels/${sealed.hash}`);
  await page.getByText('the key of this channel is not known here').waitFor();
  assert.deepEqual(faults, []);
  await close();
});

test('what somebody calls a node, an observer or says in a channel is text', { skip }, async () => {
  const [named] = (await ask(server.url, `/api/nodes/search?q=${encodeURIComponent('<img')}`)).nodes;
  const [observer] = (await ask(server.url, '/api/observers')).observers.filter((/** @type {any} */ one) => one.name === HOSTILE);
  const { packets } = await ask(server.url, '/api/packets?channel=Public&limit=1');
  for (const path of ['/nodes', `/nodes/${named.public_key}`, '/observers', `/observers/${observer.id}`, '/channels', '/channels/Public', '/packets?channel=Public&view=plain', `/packets/${packets[0].hash}`]) {
    const { page, faults, close } = await openPage(browser, server.url + path, { width: 320 });
    await fresh(page);
    await page.locator('main', { hasText: HOSTILE }).waitFor();
    assert.equal(await page.locator('main img, main script').count(), 0, path);
    const text = await page.locator('main').innerText();
    assert.doesNotMatch(text, /[\u202a-\u202e\u2066-\u2069]/u, `${path}: nothing turns the text around it`);
    await expectNoOverflow(page);
    assert.deepEqual(faults, [], path);
    await close();
  }
});

test('a name without end ends', { skip }, async () => {
  const { page, close } = await open('/nodes', { width: 390 });
  const name = page.locator('table.list tbody a').first();
  assert.match(await name.innerText(), /^W{60}…$/);
  assert.ok(LONG.length > 60);
  const { height } = await page.locator('table.list tbody tr').first().boundingBox() ?? { height: 0 };
  assert.ok(height < 60, `${height} px`);
  await close();
});

for (const [width, dark] of /** @type {[number, boolean][]} */ ([[320, false], [390, true], [1280, false], [1920, true]])) {
  test(`nothing is in the way of anybody at ${width} px, ${dark ? 'dark' : 'light'}`, { skip }, async () => {
    const { nodes } = await ask(server.url, '/api/nodes?role=repeater&limit=20');
    const { observers } = await ask(server.url, '/api/observers');
    for (const path of ['/nodes', `/nodes/${nodes[9].public_key}`, '/observers', `/observers/${observers[3].id}`, '/channels', '/channels/Public']) {
      const { page, faults, close } = await openPage(browser, server.url + path, { width, dark });
      await fresh(page);
      await expectNoOverflow(page);
      await expectNoViolations(page);
      const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      assert.equal(ground === 'rgb(18, 22, 20)', dark, path);
      assert.deepEqual(faults, [], path);
      await close();
    }
  });
}

test('lists are ordered and opened by keyboard', { skip }, async () => {
  const { page, close } = await open('/nodes');
  const head = page.getByRole('button', { name: 'Name' });
  await head.focus();
  await page.keyboard.press('Enter');
  await eventually(async () => assert.equal(await head.locator('..').getAttribute('aria-sort'), 'ascending'));
  const first = page.locator('table.list tbody a').first();
  const address = await first.getAttribute('href');
  await first.press('Enter');
  await page.waitForURL(`**${address}`);
  await fresh(page);
  await page.goBack();
  await filled(page);
  await eventually(async () => assert.match(page.url(), /sort=name/));
  await close();
});

test('hidden tabs ask nothing', { skip }, async () => {
  for (const path of ['/nodes', '/observers', '/channels', '/channels/Public']) {
    const { page, watch, close } = await openPage(browser, server.url + path, { prepare: (opened) => opened.clock.install() });
    await fresh(page);
    await expectSilenceWhenHidden(page, watch);
    await Promise.all([page.waitForRequest('**/api/**'), hide(page, false)]);
    await close();
  }
});

test('nothing else moves while packets come in', { skip }, async () => {
  const { page, faults, close } = await open('/packets');
  await page.locator('.live', { hasText: 'Live' }).waitFor();
  const places = () => page.evaluate(() => [...document.querySelectorAll('h1, form label, thead th, .pager button')].filter((part) => part.getClientRects().length > 0).map((part) => {
    const { x, y, width } = part.getBoundingClientRect();
    // The banner above everything may go meanwhile.
    const top = document.querySelector('main')?.getBoundingClientRect().y ?? 0;
    return [part.textContent?.slice(0, 20), Math.round(x), Math.round(y - top), Math.round(width)].join(' ');
  }));
  const before = await places();
  const heights = () => page.locator('table.list tbody tr').evaluateAll((all) => [...new Set(all.slice(1, -1).map((line) => Math.round(line.getBoundingClientRect().height)))]);
  await eventually(async () => assert.equal(await page.locator('table.list tbody tr').count(), 50));
  for (const text of ['Ann: short', `Bob: ${'long '.repeat(20)}end`, `Cy: ${HOSTILE}`]) {
    await send(server.url, publicText(text));
    await rowOf(page, text.slice(0, 9)).waitFor();
  }
  await eventually(async () => assert.deepEqual(await places(), before));
  assert.equal((await heights()).length, 1, 'all rows between the first and the last are as high as each other');
  await eventually(async () => assert.equal(await page.locator('table.list tbody tr').count(), 50, 'and no more than before'));
  assert.deepEqual(faults, []);
  await close();
});

test('an empty database is no fault', { skip }, async () => {
  const empty = await startServer({ seed: () => {} });
  for (const [path, text] of [['/packets', 'No packet yet'], ['/packets?type=4', 'No packet passes these filters'], ['/nodes', 'No node is known'], ['/observers', 'No observer is known'], ['/channels', 'No channel is known'], ['/channels/Public', 'Nothing was said here'], ['/nodes/abcdef0123', 'There is no such node'], ['/observers/x', 'There is no such observer']]) {
    const { page, faults, close } = await openPage(browser, `${empty.url}${path}`);
    await page.locator('main', { hasText: text }).waitFor();
    await expectNoViolations(page);
    assert.deepEqual(faults, [], path);
    await close();
  }
  await empty.end();
});

test('the death of the server is shown in every list, and recovered from without a reload', { skip }, async () => {
  const { page, faults, close } = await open('/channels');
  await page.evaluate(() => { /** @type {any} */ (globalThis).isSame = true; });
  await server.kill();
  await page.locator('.freshness[data-kind=failed]').waitFor();
  assert.ok(await page.locator('table.list tbody tr').count() > 0, 'what was shown stays');
  await server.start();
  await fresh(page);
  assert.equal(await page.evaluate(() => /** @type {any} */ (globalThis).isSame), true);
  assert.deepEqual(faults, []);
  await close();
});
