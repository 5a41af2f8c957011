// Migrations steered by clicking, and the warm-up banner, against a database with work to do.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { KEY, expectNoViolations, launch, openPage, seeded, skip, startServer, until } from './support.js';

const NAME = 'tx_last_seen_backfill_v1';
/** So slow that there is time to click: at least two minutes of pauses for the 6,000 rows. */
const SLOW = { migrations: { batchRowsMax: 10, pauseMinMs: 200 } };
const FAILED = `INSERT INTO _async_migrations (name, status, started_at, ended_at, error)
  VALUES ('broken_index_v1', 'failed', datetime('now', '-1 minutes'), datetime('now'), 'disk <b>full</b>')`;

/** @type {import('./support.js').Server} */
let server;
/** @type {import('playwright-core').Browser} */
let browser;
before(async () => {
  if (skip) return;
  [server, browser] = await Promise.all([startServer({ config: SLOW, seed: seeded(6000, FAILED) }), launch()]);
  // Whoever's turn it is: the others are not in the way of the one that is looked at.
  await hurry((name) => name !== NAME);
});
after(async () => {
  await browser?.close();
  await server?.end();
});

const list = async () => (await fetch(`${server.url}/api/perf/async-migrations`)).json();
const state = async () => (await list()).find((/** @type {any} */ one) => one.name === NAME);

/** Turns the knobs of those that are left and that `isMeant`, so that they end soon. @param {(name: string) => boolean} isMeant */
async function hurry(isMeant) {
  const body = JSON.stringify({ batchRowsMax: 20_000, pauseMinMs: 0, turbo: 1, by: 'test', reason: 'fast', forSec: 600 });
  for (const { name, status } of await list()) {
    if (status !== 'running' || !isMeant(name)) continue;
    const answer = await fetch(`${server.url}/api/perf/async-migrations/${name}/tune`, { method: 'POST', headers: { 'X-API-Key': KEY }, body });
    // It may have ended meanwhile.
    assert.ok([200, 409].includes(answer.status), `${name}: ${answer.status}`);
  }
}

test('a backfill is paused and resumed by clicking; the key is asked for once and kept nowhere', { skip }, async () => {
  await until('the backfill to run', async () => (await state()).rowsProcessed > 0);
  const { page, faults, close } = await openPage(browser, `${server.url}/perf`);
  await page.getByRole('button', { name: `Pause ${NAME}` }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('API key').fill('a wrong key, long enough');
  await dialog.getByRole('button', { name: 'Send' }).click();
  await page.getByRole('alert').waitFor();
  assert.match(await page.getByRole('alert').innerText(), /not the key/);
  await expectNoViolations(page);
  await dialog.getByLabel('API key').fill(KEY);
  await dialog.getByRole('button', { name: 'Send' }).click();
  await page.locator('.migration .badge', { hasText: /^paused$/ }).waitFor();
  await until('the server to have paused', async () => (await state()).state === 'paused');
  const paused = await state();
  assert.match(paused.stateReason, /Perf page/, 'who did it is on record');
  await page.locator('#warmup-banner', { hasText: `${NAME}: paused` }).waitFor();
  assert.equal((await state()).rowsProcessed, paused.rowsProcessed, 'it stands still');
  await page.getByRole('button', { name: `Resume ${NAME}` }).click();
  assert.equal(await page.getByRole('dialog').count(), 0, 'the key is not asked for again');
  await until('it to go on', async () => (await state()).rowsProcessed > paused.rowsProcessed);
  const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
  assert.ok(!kept.includes(KEY), kept);
  assert.deepEqual(faults, []);
  await close();
});

test('the knobs are turned for a while, and a dry run predicts', { skip }, async () => {
  const { page, close } = await openPage(browser, `${server.url}/perf`);
  await page.getByRole('button', { name: `Tune ${NAME}` }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Rows of a batch at most').fill('5');
  await dialog.getByLabel(/Why/).fill('gently');
  await dialog.getByRole('button', { name: 'Set' }).click();
  await dialog.getByLabel('API key').fill(KEY);
  await dialog.getByRole('button', { name: 'Send' }).click();
  await until('the knob', async () => (await state()).live?.knobs.batchRowsMax === 5);
  assert.deepEqual((await state()).live.settings.map((/** @type {any} */ one) => [one.knob, one.by, one.reason]), [['batchRowsMax', 'Perf page', 'gently']]);
  await page.locator('.migration__reason', { hasText: 'batchRowsMax = 5 by Perf page (gently)' }).waitFor();
  await close();
});

test('a failed migration is named on every page until its line is dismissed (002-20, 004-02)', { skip }, async () => {
  const { page, faults, close } = await openPage(browser, `${server.url}/`);
  const line = page.locator('.warmup-banner__item', { hasText: 'broken_index_v1 FAILED' });
  await line.waitFor();
  assert.match(await line.innerText(), /disk <b>full<\/b>/, 'text, not markup');
  assert.equal(await page.locator('#warmup-banner b').count(), 0);
  await expectNoViolations(page);
  const others = await page.locator('.warmup-banner__item').count();
  await page.getByRole('button', { name: 'Dismiss the line about broken_index_v1' }).click();
  await line.waitFor({ state: 'detached' });
  assert.equal(await page.locator('.warmup-banner__item').count(), others - 1, 'that line only');
  await page.getByRole('link', { name: 'Perf' }).first().click();
  await page.locator('.finding', { hasText: 'broken_index_v1 failed' }).waitFor();
  assert.equal(await line.count(), 0, 'dismissed for this page’s life');
  await page.reload();
  await line.waitFor();
  assert.deepEqual(faults, []);
  await close();
});

test('the banner shows progress and goes when the work is done (002-19, 004-A4); then nobody asks any more', { skip }, async () => {
  // A page that asks nothing itself: its clock may run faster than answers come.
  const { page, close } = await openPage(browser, `${server.url}/nowhere`, { prepare: (fresh) => fresh.clock.install() });
  const line = page.locator('.warmup-banner__item', { hasText: new RegExp(`^Migration ${NAME}`) });
  await line.waitFor();
  assert.match(await line.innerText(), /[\d,]+ \/ 6,000/);
  await page.getByRole('button', { name: 'Dismiss the line about broken_index_v1' }).click();
  await hurry(() => true);
  await until('the work to be done', async () => (await list()).every((/** @type {any} */ one) => one.status !== 'running'), 60_000);
  await until('the banner to go', async () => {
    await page.clock.runFor(5000);
    return page.locator('#warmup-banner.warmup-banner--hidden').count();
  });
  let asked = 0;
  page.on('request', (request) => { asked += request.url().includes('healthz') ? 1 : 0; });
  await page.clock.runFor('20:00');
  assert.equal(asked, 0, 'steady: nobody asks');
  await page.getByRole('link', { name: 'Perf' }).first().click();
  await until('the banner to ask again', () => asked > 0);
  await close();
});
