// A real server, a real browser. Without a program that is needed, tests are skipped with a line
// that says so; with CI=true they fail instead.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const here = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];
export const KEY = 'a-key-of-the-tests-only';
/** On a machine whose processors are all in use a debug build needs long to make its history. */
const START_MS = 120_000;
const WAIT_MS = 60_000;
/** So long after an answer the next question of the same refresh was asked, if there is one. */
const QUIET_MS = 1000;
const AXE = here('../node_modules/axe-core/axe.min.js');

/** The program under test: of CORESCOPE_BIN, else the last debug build. */
export const PROGRAM = process.env.CORESCOPE_BIN ?? here('../../target/debug/corescope');

/** Why these tests cannot run here; `false` if they can. */
export const skip = missing();

function missing() {
  const gone = [CHROMIUM, PROGRAM].find((path) => !existsSync(path));
  if (!gone) return false;
  if (process.env.CI === 'true') throw new Error(`${gone} is missing`);
  console.error(`skipped: ${gone} is missing`);
  return `${gone} is missing`;
}

/** @typedef {import('playwright-core').Page} Page */
/** @typedef {{ url: string, folder: string, kill: () => Promise<void>, start: () => Promise<void>, end: () => Promise<void> }} Server */

/**
 * Starts the program on a free port, in a folder of its own.
 * @param {{ args?: string[], config?: object, seed?: (database: string) => void }} [how] `seed` makes the database
 * @returns {Promise<Server>}
 */
export async function startServer({ args = [], config = {}, seed } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'corescope-pages-'));
  const database = join(folder, 'mesh.db');
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ apiKey: KEY, ...config }));
  seed?.(database);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const own = seed ? ['--db', database] : ['--demo'];
  /** @type {import('node:child_process').ChildProcess | null} */
  let child = null;
  const start = async () => {
    child = spawn(PROGRAM, ['serve', '--config-dir', folder, '--bind', `127.0.0.1:${port}`, ...own, ...args], { stdio: 'ignore' });
    const started = child;
    await until('the server to answer', async () => {
      assert.equal(started.exitCode, null, 'the server ended');
      return (await fetch(`${url}/api/healthz`).catch(() => null))?.ok;
    }, START_MS);
  };
  const kill = async () => {
    const ended = child;
    child = null;
    if (!ended || ended.exitCode !== null) return;
    const gone = new Promise((resolve) => { ended.once('exit', resolve); });
    ended.kill('SIGKILL');
    await gone;
  };
  await start();
  const end = async () => {
    await kill();
    rmSync(folder, { recursive: true, force: true });
  };
  return { url, folder, kill, start, end };
}

/** A seeded database; `sql` is run on it before the server opens it. @param {number} transmissions @param {string} [sql] */
export const seeded = (transmissions, sql) => (/** @type {string} */ database) => {
  const size = ['--transmissions', String(transmissions), '--observations', String(transmissions * 3)];
  execFileSync(PROGRAM, ['seed', '--db', database, ...size, '--lean'], { stdio: 'ignore' });
  if (sql) execFileSync('sqlite3', [database, sql]);
};

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

/**
 * Waits for a condition, with a deadline.
 * @param {string} what @param {() => unknown} isTrue @param {number} [limitMs]
 */
export async function until(what, isTrue, limitMs = WAIT_MS) {
  const deadline = Date.now() + limitMs;
  for (;;) {
    if (await isTrue()) return;
    assert.ok(Date.now() < deadline, `waited in vain for ${what}`);
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
}

/**
 * An assertion about what changes by itself: made again until it holds, with a deadline.
 * @param {() => unknown} check throws as long as it does not hold
 */
export async function eventually(check) {
  const deadline = Date.now() + WAIT_MS;
  for (;;) {
    try {
      await check();
      return;
    } catch (error) {
      if (Date.now() >= deadline) throw error;
    }
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
}

/** As the browser does when another tab is in front. @param {Page} page @param {boolean} isHidden */
export const hide = (page, isHidden) => page.evaluate((hidden) => {
  Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
  document.dispatchEvent(new Event('visibilitychange'));
}, isHidden);

/** @typedef {{ asked: number, quiet: () => Promise<void> }} Watch */

/**
 * Counts what a page asks. `quiet` waits until all that is under way has ended and nothing follows.
 * @param {Page} page @returns {Watch}
 */
function watchRequests(page) {
  const open = new Set();
  let changedMs = Date.now();
  const watch = { asked: 0, quiet: () => until('the page to be quiet', () => open.size === 0 && Date.now() - changedMs > QUIET_MS) };
  page.on('request', (request) => {
    watch.asked += 1;
    open.add(request);
    changedMs = Date.now();
  });
  const end = (/** @type {import('playwright-core').Request} */ request) => {
    open.delete(request);
    changedMs = Date.now();
  };
  page.on('requestfinished', end);
  page.on('requestfailed', end);
  return watch;
}

/**
 * Hides a page whose clock is the test's, and expects that it asks nothing in ten minutes. A refresh
 * that had begun before goes on to its end: that is no question of a hidden tab.
 * @param {Page} page @param {Watch} watch
 */
export async function expectSilenceWhenHidden(page, watch) {
  await hide(page, true);
  await watch.quiet();
  watch.asked = 0;
  await page.clock.runFor('10:00');
  assert.equal(watch.asked, 0, `${page.url()} asked while it was hidden`);
}

export const launch = () => chromium.launch({ executablePath: CHROMIUM, args: FLAGS });

/**
 * Opens a page that notes what should not be: errors in the console, requests to elsewhere.
 * @param {import('playwright-core').Browser} browser
 * @param {string} url
 * @param {{ width?: number, height?: number, dark?: boolean, prepare?: (page: import('playwright-core').Page) => Promise<unknown> }} [how]
 */
export async function openPage(browser, url, { width = 1280, height = 900, dark = false, prepare } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: dark ? 'dark' : 'light', reducedMotion: 'reduce' });
  const page = await context.newPage();
  // A machine whose processors are all in use is slow, and no fault of the page.
  page.setDefaultTimeout(WAIT_MS);
  const watch = watchRequests(page);
  /** @type {string[]} */
  const faults = [];
  page.on('pageerror', (error) => faults.push(`thrown: ${error.message}`));
  page.on('console', (message) => {
    // A server that is gone is noted by the browser itself, and is no fault of the page.
    const isExpected = /Failed to load resource|WebSocket connection to/.test(message.text());
    if (message.type() === 'error' && !isExpected) faults.push(message.text());
  });
  page.on('request', (request) => {
    const address = new URL(request.url());
    if (address.protocol !== 'data:' && address.origin !== new URL(url).origin) faults.push(`asked ${address.origin}`);
  });
  if (process.env.WEB_FILES === 'here') await page.route('**/assets/*/{src,styles,vendor}/**', ownFile);
  await prepare?.(page);
  await page.goto(url);
  return { page, faults, watch, close: () => context.close() };
}

/** The file as it is in the working tree, not as it was built in: for whoever works on the pages (`WEB_FILES=here`).
 * @param {import('playwright-core').Route} route */
function ownFile(route) {
  const name = new URL(route.request().url()).pathname.split('/').slice(3).join('/');
  return route.fulfill({ path: here(`../${name}`) });
}

/** No violation of WCAG or of good practice. @param {import('playwright-core').Page} page */
export async function expectNoViolations(page) {
  // Through the protocol, not as a script of the page: its policy forbids those.
  await page.evaluate(readFileSync(AXE, 'utf8'));
  const { violations } = await page.evaluate(() => /** @type {any} */ (globalThis).axe.run());
  const found = violations.map((/** @type {any} */ one) => `${one.id}: ${one.help}\n  ${one.nodes.map((/** @type {any} */ node) => node.html).slice(0, 3).join('\n  ')}`);
  assert.deepEqual(found, []);
}

/** Nothing is wider than the window. @param {import('playwright-core').Page} page */
export async function expectNoOverflow(page) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(over <= 0, `${over} px wider than the window`);
}
