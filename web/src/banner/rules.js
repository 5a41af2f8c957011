// What the warm-up banner says (contract §7.2), and when nobody needs to ask any more. Pure.

import { clockTime, count, duration, isNumber, parseUtc } from '../shared/format.js';

/**
 * @typedef {import('../shared/api.js').Schemas} Schemas
 * @typedef {Partial<Schemas['Healthz']> & { ready?: boolean, reason?: string }} Healthz
 * @typedef {{
 *   healthz: Healthz | null,
 *   loadStatus: string | null,
 *   dismissed: ReadonlySet<string>,
 *   nowMs: number,
 *   deadSinceMs?: number | null,
 * }} Known
 * @typedef {{
 *   key: string,
 *   text: string,
 *   progress?: { share: number | null, text: string },
 *   isFailure?: boolean,
 *   dismissLabel?: string,
 * }} Line
 */

export const STALE_MS = 300_000;
const FAILURE_SHOWN_MS = 600_000;

/** The header by its first token: `loading; progress=7` is `loading` (defect a). @param {string | null} header */
export function loadStateOf(header) {
  const state = (header ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  return state === '' ? null : state;
}

/** All lines in their order. The banner is visible if there is one. @param {Known} known @returns {Line[]} */
export function linesOf(known) {
  const { healthz, dismissed, nowMs, deadSinceMs } = known;
  const lines = [
    ...(deadSinceMs ? [{ key: 'dead', text: `The server does not answer since ${clockTime(deadSinceMs)}. Trying again.`, isFailure: true }] : []),
    ...loadLines(known),
    ...pubkeyLines(healthz),
    ...runningLines(healthz),
    ...failedLines(healthz, nowMs),
    ...staleLines(healthz, nowMs),
  ];
  return lines.filter(({ key }) => !dismissed.has(key));
}

/**
 * Whether nothing is going on that would change the banner by itself. What is not known is never
 * steady (004-22: fail closed).
 * @param {Known} known
 */
export function isSteady(known) {
  const { healthz, loadStatus } = known;
  if (!healthz || healthz.ready !== true || loadStateOf(loadStatus) === 'loading') return false;
  if (healthz.from_pubkey_backfill?.done === false) return false;
  return isGateOpen(healthz) && linesOf(known).length === 0;
}

/**
 * When a source that is heard now would be stale, if nothing came from it: the time to look again
 * although all is steady (defect c). `null` without sources.
 * @param {Healthz | null} healthz
 */
export function nextStaleMs(healthz) {
  const heard = Object.values(healthz?.ingest_liveness ?? {}).map((source) => source.lastReceiptUnix * 1000);
  const alive = heard.filter((ms) => ms > 0);
  return alive.length > 0 ? Math.min(...alive) + STALE_MS + 1 : null;
}

/** `pending_warmup_tasks` decides; a server without it is asked as CoreScope's is. @param {Healthz} healthz */
function isGateOpen(healthz) {
  if (healthz.pending_warmup_tasks === undefined) return healthz.async_migrations_running !== true;
  return healthz.pending_warmup_tasks !== null && healthz.pending_warmup_tasks.length === 0;
}

/** @param {Known} known @returns {Line[]} */
function loadLines({ healthz, loadStatus }) {
  if (healthz?.ready === false) {
    return [{ key: 'load', text: '⏳ Starting: historical data is not open yet, and nothing can be answered before it is.' }];
  }
  if (loadStateOf(loadStatus) !== 'loading') return [];
  const progress = /progress=(\d+)/.exec(loadStatus ?? '')?.[1];
  const so = progress ? ` (${count(Number(progress))} so far)` : '';
  return [{ key: 'load', text: `⏳ Warming up: historical data is still being read into memory${so}. Answers are complete, but may be slower.` }];
}

/** @param {Healthz | null} healthz @returns {Line[]} */
function pubkeyLines(healthz) {
  const backfill = healthz?.from_pubkey_backfill;
  if (backfill?.done !== false) return [];
  const { processed, total } = backfill;
  const share = shareOf(processed, total) ?? 0;
  const text = `${count(processed)} / ${count(total)} (${Math.floor(share * 100)}%)`;
  return [{ key: 'pubkey', text: 'Backfilling pubkey index', progress: { share, text } }];
}

/** 002-19, 004-A4: a line for each that is not at its end. @param {Healthz | null} healthz @returns {Line[]} */
function runningLines(healthz) {
  if (!healthz || healthz.ready !== true) return [];
  if (healthz.async_migrations_error !== undefined && healthz.async_migrations_error !== null) {
    return [{ key: 'unread', text: `Migrations cannot be read: ${healthz.async_migrations_error}. Some may be under way.` }];
  }
  const running = (healthz.async_migrations ?? []).filter(({ status }) => status === 'running');
  const tasks = healthz.pending_warmup_tasks ?? running.map((one) => ({ ...one, kind: 'migration' }));
  const isShown = (/** @type {string} */ name) => !(name.includes('from_pubkey') && healthz.from_pubkey_backfill?.done === false);
  const shown = tasks.filter(({ name }) => isShown(name));
  const waiting = shown.filter(({ state }) => state === 'pending');
  if (waiting.length < 2) return shown.map(taskLine);
  return [...shown.filter(({ state }) => state !== 'pending').map(taskLine), waitingLine(waiting.map(({ name }) => name))];
}

/** One line for all that wait for their turn. @param {string[]} names @returns {Line} */
function waitingLine(names) {
  return {
    key: `waiting ${names.join(' ')}`, text: `Migrations that wait for their turn: ${names.join(', ')}`,
    dismissLabel: 'Dismiss the line about migrations that wait',
  };
}

/** @param {Schemas['WarmupTask']} task @returns {Line} */
function taskLine({ name, kind, state, rowsProcessed, rowsTotal, etaSec }) {
  const share = shareOf(rowsProcessed, rowsTotal);
  const left = isNumber(etaSec) && etaSec > 0 ? `, ETA ${Math.round(etaSec)}s${etaSec >= 60 ? ` (${duration(etaSec)})` : ''}` : '';
  const subject = kind === 'migration' ? `Migration ${name}` : `${kind} ${name}`;
  const how = ['running', 'loading', undefined].includes(state) ? '' : `: ${state.replaceAll('_', ' ')}`;
  return {
    key: `task ${name} ${state}`,
    text: `${subject}${how}`,
    progress: { share, text: `${count(rowsProcessed)} / ${count(rowsTotal)}${left}` },
    dismissLabel: `Dismiss the line about ${name}`,
  };
}

/** 002-09, 002-20, 004-02: shown, but not for ever. @param {Healthz | null} healthz @param {number} nowMs @returns {Line[]} */
function failedLines(healthz, nowMs) {
  const failed = (healthz?.async_migrations ?? []).filter(({ status }) => status === 'failed');
  return failed.filter(({ endedAt }) => !isExpired(endedAt, nowMs)).map(({ name, state, errorMessage }) => ({
    key: `failed ${name}`,
    text: state === 'cancelled'
      ? `Migration ${name} was cancelled`
      : `Migration ${name} FAILED: ${errorMessage || 'no reason is known, see the log'}`,
    isFailure: state !== 'cancelled',
    dismissLabel: `Dismiss the line about ${name}`,
  }));
}

/** Ten minutes after its end, by UTC (defect b); never if that cannot be read. @param {string | null | undefined} endedAt @param {number} nowMs */
export function isExpired(endedAt, nowMs) {
  const ended = parseUtc(endedAt);
  return ended !== null && nowMs - ended > FAILURE_SHOWN_MS;
}

/** @param {Healthz | null} healthz @param {number} nowMs @returns {Line[]} */
function staleLines(healthz, nowMs) {
  const sources = Object.entries(healthz?.ingest_liveness ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return sources.flatMap(([name, { lastReceiptUnix }]) => {
    const ageMs = nowMs - lastReceiptUnix * 1000;
    if (!lastReceiptUnix || ageMs <= STALE_MS) return [];
    return [{ key: `stale ${name}`, text: `No packets from ${name} for ${count(Math.floor(ageMs / 60_000))} minutes` }];
  });
}

/** @param {number} done @param {number} total */
function shareOf(done, total) {
  return total > 0 ? Math.min(1, Math.max(0, done / total)) : null;
}
