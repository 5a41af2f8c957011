// What a baseline flags is taken as normal, in a real browser.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { KEY, eventually, launch, openPage, seeded, skip, startServer } from './support.js';

const SERIES = 'process.write';
const ANOMALY = {
  rule: 'baseline', series: SERIES, what: '', source: null, unit: 'B/s', value: 20_971_520, normal: 1_048_576, mad: 1, score: 9,
};

/** @type {import('playwright-core').Browser} */
let browser;
/** @type {import('./support.js').Server} */
let server;
let normals = '';

before(async () => {
  if (skip) return;
  browser = await launch();
  server = await startServer({
    seed(database) {
      seeded(20)(database);
      normals = `${database}.normals-all.json`;
      writeFileSync(normals, JSON.stringify({ version: 1, series: { [SERIES]: [1, 2, 3], 'wal.debt': [1] } }));
    },
  });
});
after(async () => {
  await browser?.close();
  await server?.end();
});

test('what a baseline flags is taken as normal with the key, and stays so', { skip }, async () => {
  const { page, faults, close } = await openPage(browser, `${server.url}/perf`, {
    prepare: async (fresh) => fresh.route('**/api/perf/anomalies', async (route) => {
      const body = { judgedAt: new Date().toISOString(), everySec: 10, anomalies: [{ ...ANOMALY, sinceMs: Date.now() - 60_000 }] };
      await route.fulfill({ json: body });
    }),
  });
  await page.getByRole('button', { name: 'Accept as normal' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('API key').fill(KEY);
  await dialog.getByRole('button', { name: 'Send' }).click();
  await page.getByText(`What ${SERIES} does now is normal; it is learned afresh.`).waitFor();
  await eventually(() => {
    const { series } = JSON.parse(readFileSync(normals, 'utf8'));
    assert.ok(!(SERIES in series) || series[SERIES].length < 3, 'what was learned before is forgotten');
  });
  assert.deepEqual(faults, []);
  await close();
});
