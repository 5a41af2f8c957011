// How fast counters move, and whether that is ten times their last five minutes (§7.1, anomaly
// detector). Pure: history in, rates out.

/**
 * @typedef {{ atMs: number, counters: Record<string, number> }} Sample
 * @typedef {{ perS: number, baselinePerS: number | null, isHigh: boolean }} Rate
 */

const RULES = { windowMs: 300_000, factor: 10, historyMinMs: 30_000, floorPerS: 0.05 };
const KEPT_MS = 360_000;

/**
 * Judges a sample by those before it. Empty where no time has passed since the last one.
 * @param {readonly Sample[]} history oldest first
 * @param {Sample} current
 * @returns {Map<string, Rate>}
 */
export function ratesOf(history, current, rules = RULES) {
  /** @type {Map<string, Rate>} */
  const rates = new Map();
  const last = history.at(-1);
  if (!last || !Number.isFinite(current.atMs) || !(current.atMs > last.atMs)) return rates;
  const first = history.find(({ atMs }) => atMs >= current.atMs - rules.windowMs);
  const spanMs = first ? last.atMs - first.atMs : 0;
  for (const name of Object.keys(current.counters)) {
    const perS = speed(name, last, current);
    const hasBaseline = first !== undefined && spanMs > 0 && spanMs >= rules.historyMinMs;
    const baselinePerS = hasBaseline ? speed(name, first, last) : null;
    const isHigh = baselinePerS !== null
      && perS > rules.factor * Math.max(baselinePerS, rules.floorPerS)
      && perS > rules.factor * rules.floorPerS;
    rates.set(name, { perS, baselinePerS, isHigh });
  }
  return rates;
}

/**
 * Adds a sample, drops those older than six minutes; one is always kept. After a restart of the
 * server counters begin again: what went back makes the history useless.
 * @param {readonly Sample[]} history @param {Sample} current
 * @returns {Sample[]}
 */
export function remembered(history, current) {
  const last = history.at(-1);
  if (!Number.isFinite(current.atMs) || (last && current.atMs === last.atMs)) return [...history];
  const isRestart = last && (current.atMs < last.atMs
    || Object.entries(current.counters).some(([name, value]) => value < (last.counters[name] ?? 0)));
  if (isRestart) return [current];
  return [...history.filter(({ atMs }) => current.atMs - atMs <= KEPT_MS), current];
}

/** A counter that is missing counts as 0. @param {string} name @param {Sample} from @param {Sample} to */
function speed(name, from, to) {
  const moved = (to.counters[name] ?? 0) - (from.counters[name] ?? 0);
  return moved * 1000 / (to.atMs - from.atMs);
}
