// Writes docs/screenshots/*.png from the release build (or CORESCOPE_BIN): make screenshots
import { mkdir, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

process.env.CORESCOPE_BIN ??= fileURLToPath(new URL('../../target/release/corescope', import.meta.url));
const { launch, openPage, seeded, startServer, until } = await import('../e2e/support.js');

/**
 * `settleMs`: rates need a while, and are compared only after half a minute.
 * @typedef {{ name: string, path: string, width?: number, height?: number, dark?: boolean, settleMs?: number, section?: string }} Shot
 */
const RATES_MS = Number(process.env.SETTLE_MS ?? 45_000);
/** Until charts have something to show. */
const WARM_MS = Number(process.env.WARM_MS ?? 60_000);
/** Larger ones do not belong into a repository. */
const BYTES_MAX = 300 * 1024;
const ASKED = ['/api/stats', '/api/packets?limit=50', '/api/nodes', '/api/observers', '/api/channels', '/api/analytics/rf', '/api/packets?type=4'];
const folder = new URL('../../docs/screenshots/', import.meta.url);

/** @type {Shot[]} */
const DEMO = [
  { name: 'perf', path: '/perf', height: 1720, settleMs: RATES_MS },
  { name: 'perf-dark', path: '/perf', height: 1720, dark: true, settleMs: RATES_MS },
  { name: 'perf-phone', path: '/perf', width: 390, height: 1720, settleMs: RATES_MS },
  { name: 'packets', path: '/packets' },
  { name: 'nodes', path: '/nodes' },
];
/** @type {Shot} */
const BACKFILL = { name: 'perf-migrations', path: '/perf', section: 'migrations', settleMs: 5000 };

await mkdir(folder, { recursive: true });
const browser = await launch();

/** @param {import('../e2e/support.js').Server} server @param {Shot} shot */
async function shoot(server, { name, path, width = 1280, height = 900, dark = false, settleMs = 2500, section }) {
  const { page, close } = await openPage(browser, server.url + path, { width, height, dark });
  await page.waitForTimeout(settleMs);
  const file = fileURLToPath(new URL(`${name}.png`, folder));
  if (section) await page.locator(`#${section}`).evaluate((heading) => scrollBy(0, heading.getBoundingClientRect().top - 160));
  await page.screenshot({ path: file });
  await close();
  const { size } = await stat(file);
  console.log(`${name}.png, ${Math.round(size / 1024)} KB`);
  if (size > BYTES_MAX) throw new Error(`${name}.png is larger than ${BYTES_MAX / 1024} KB`);
}

const demo = await startServer();
await new Promise((resolve) => { setTimeout(resolve, WARM_MS); });
for (let round = 0; round < 20; round += 1) for (const path of ASKED) await (await fetch(demo.url + path)).text();
await Promise.all(DEMO.map((shot) => shoot(demo, shot)));
await demo.end();

const busy = await startServer({ config: { migrations: { batchRowsMax: 20, pauseMinMs: 200 } }, seed: seeded(6000) });
await until('a backfill to run', async () => {
  const listed = await (await fetch(`${busy.url}/api/perf/async-migrations`)).json();
  return listed.some((/** @type {any} */ one) => one.live?.rowsPerSec);
});
await shoot(busy, BACKFILL);
await busy.end();
await browser.close();
