// Writes docs/screenshots/*.png from the release build in demo mode: make screenshots
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

process.env.CORESCOPE_BIN ??= fileURLToPath(new URL('../../target/release/corescope', import.meta.url));
const { launch, openPage, seeded, startServer, until } = await import('../e2e/support.js');

const folder = new URL('../../docs/screenshots/', import.meta.url);
/** Until charts have something to show. */
const WARM_MS = Number(process.env.WARM_MS ?? 90_000);
/** Paths of the pages; those that are not there are left out. */
const PAGES = ['perf', '', 'packets', 'nodes', 'observers', 'channels'];
const LOOKS = [
  { suffix: '', width: 1280, dark: false }, { suffix: '-dark', width: 1280, dark: true }, { suffix: '-phone', width: 390, dark: false },
];

await mkdir(folder, { recursive: true });
const browser = await launch();

/** @param {import('../e2e/support.js').Server} server @param {string} path @param {string} name @param {typeof LOOKS[number]} look */
async function shoot(server, path, name, { suffix, width, dark }) {
  const { page, close } = await openPage(browser, `${server.url}/${path}`, { width, dark });
  await page.waitForTimeout(2500);
  if (await page.getByRole('heading', { name: 'No such page' }).count() === 0) {
    // What is out of view is not drawn otherwise.
    const height = await page.evaluate(() => document.documentElement.scrollHeight);
    await page.setViewportSize({ width, height: Math.min(height, 6000) });
    await page.waitForTimeout(1500);
    const full = await page.evaluate(() => document.documentElement.scrollHeight);
    await page.setViewportSize({ width, height: Math.min(full, 6000) });
    await page.waitForTimeout(500);
    await page.screenshot({ path: fileURLToPath(new URL(`${name}${suffix}.png`, folder)) });
    console.log(`${name}${suffix}.png`);
  }
  await close();
}

const demo = await startServer();
await new Promise((resolve) => { setTimeout(resolve, WARM_MS); });
for (const path of PAGES) for (const look of LOOKS) await shoot(demo, path, path || 'live', look);
await demo.end();

const busy = await startServer({ config: { migrations: { batchRowsMax: 20, pauseMinMs: 200 } }, seed: seeded(6000) });
await until('a backfill to run', async () => {
  const listed = await (await fetch(`${busy.url}/api/perf/async-migrations`)).json();
  return listed.some((/** @type {any} */ one) => one.live?.rowsPerSec);
});
for (const look of LOOKS.slice(0, 2)) await shoot(busy, 'perf', 'perf-backfill', look);
await busy.end();
await browser.close();
