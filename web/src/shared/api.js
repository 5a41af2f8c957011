// The only place that asks the server. Paths, parameters and bodies are typed by the API's own
// description (`schema.d.ts`).

/**
 * @typedef {import('./schema.d.ts').paths} Paths
 * @typedef {import('./schema.d.ts').components['schemas']} Schemas
 */

/**
 * @typedef {{ [P in keyof Paths]: Paths[P] extends { get: { responses: { 200: { content: { 'application/json': any } } } } } ? P : never }[keyof Paths] & string} GetPath
 */
/**
 * @template {GetPath} P
 * @typedef {Paths[P] extends { get: { responses: { 200: { content: { 'application/json': infer B } } } } } ? B : never} BodyOf
 */
/**
 * @typedef {{
 *   path?: Record<string, string | number>,
 *   query?: Record<string, string | number | boolean | null | undefined>,
 *   signal?: AbortSignal,
 *   retries?: number,
 * }} Asked
 */
/** @typedef {{ path: string, count: number, totalMs: number, maxMs: number }} CallTotals */

const RETRY_WAIT_MAX_S = 30;
const CALLS_KEPT = 200;

/** What a request failed with; `status` is 0 where no answer came. */
export class ApiError extends Error {
  /** @param {string} message @param {number} status @param {number | null} retryAfterS @param {unknown} body */
  constructor(message, status, retryAfterS = null, body = null) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.retryAfterS = retryAfterS;
    this.body = body;
  }
}

/**
 * What an answer told beside its body. `status` is 0 where none came; `load` is the header
 * `X-CoreScope-Load-Status`.
 * @typedef {{ path: string, status: number, load: string | null }} Answered
 */
/** @type {Set<(answered: Answered) => void>} */
const answerListeners = new Set();
/** @type {{ path: string, ms: number }[]} */
const calls = [];
/** @type {Map<string, Promise<any>>} */
const inFlight = new Map();

/**
 * Told of every answer, and of every request without one.
 * @param {(answered: Answered) => void} listener
 * @returns {() => void} stops it
 */
export function onAnswer(listener) {
  answerListeners.add(listener);
  return () => answerListeners.delete(listener);
}

/** @param {Answered} answered */
const tellAnswer = (answered) => answerListeners.forEach((listener) => listener(answered));

/** This page's last 200 requests by path, the costliest first. @returns {CallTotals[]} */
export function callTotals() {
  /** @type {Map<string, CallTotals>} */
  const totals = new Map();
  for (const { path, ms } of calls) {
    const known = totals.get(path) ?? { path, count: 0, totalMs: 0, maxMs: 0 };
    known.count += 1;
    known.totalMs += ms;
    known.maxMs = Math.max(known.maxMs, ms);
    totals.set(path, known);
  }
  return [...totals.values()].sort((a, b) => b.totalMs - a.totalMs);
}

/**
 * Asks for JSON. Who asks the same at the same time shares one request (unless with a `signal`).
 * A 503 is asked again after `Retry-After`, `retries` times (contract §7.3 has six; here none
 * unless said, as most of what is shown is asked for again anyway).
 * @template {GetPath} P
 * @param {P} path as in the API's description, `{id}` for a part
 * @param {Asked} [asked]
 * @returns {Promise<BodyOf<P>>}
 */
export function get(path, asked = {}) {
  const url = urlOf(path, asked);
  if (asked.signal) return answer(url, path, asked);
  const running = inFlight.get(url);
  if (running) return running;
  const fresh = answer(url, path, asked).finally(() => inFlight.delete(url));
  inFlight.set(url, fresh);
  return fresh;
}

/**
 * Sends a command with the operator's key, or a question that needs none.
 * @param {keyof Paths & string} path
 * @param {{ path?: Record<string, string>, body?: unknown, key?: string, signal?: AbortSignal }} asked
 * @returns {Promise<any>}
 */
export async function post(path, { body, key, signal, ...asked }) {
  const headers = { 'Content-Type': 'application/json', ...(key === undefined ? {} : { 'X-API-Key': key }) };
  const init = { method: 'POST', headers, body: body === undefined ? null : JSON.stringify(body), ...(signal ? { signal } : {}) };
  return (await send(urlOf(path, asked), path, init)).body;
}

/**
 * @param {string} url @param {string} path @param {Asked} asked
 * @returns {Promise<any>}
 */
async function answer(url, path, { signal, retries = 0 }) {
  for (let tried = 0; ; tried += 1) {
    try {
      return (await send(url, path, signal ? { signal } : {})).body;
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 503 || tried >= retries) throw error;
      const wait = Math.min(error.retryAfterS ?? 2 ** tried, RETRY_WAIT_MAX_S);
      await delay(wait * 1000, signal);
    }
  }
}

/**
 * One request; the answer is read whole, errors too.
 * @param {string} url @param {string} path @param {RequestInit} init
 */
async function send(url, path, init) {
  const started = performance.now();
  let response;
  let text;
  try {
    response = await fetch(url, { cache: 'no-store', ...init });
    text = await response.text();
  } catch (error) {
    const isLeft = init.signal?.aborted && init.signal.reason?.name === 'AbortError';
    if (!isLeft) tellAnswer({ path, status: 0, load: null });
    if (init.signal?.aborted) throw init.signal.reason;
    throw new ApiError('the server does not answer', 0, null, error);
  } finally {
    note(path, performance.now() - started);
  }
  tellAnswer({ path, status: response.status, load: response.headers.get('x-corescope-load-status') });
  const body = parse(text);
  if (response.ok && body !== undefined) return { body, headers: response.headers };
  const retryAfter = Number.parseInt(response.headers.get('retry-after') ?? '', 10);
  const why = body?.error ?? `the server answered ${response.status}`;
  throw new ApiError(String(why), response.status, Number.isNaN(retryAfter) ? null : retryAfter, body);
}

/** @param {string} text @returns {any} */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** @param {string} path @param {number} ms */
function note(path, ms) {
  calls.push({ path, ms });
  if (calls.length > CALLS_KEPT) calls.shift();
}

/** @param {string} template @param {Asked} asked */
function urlOf(template, { path = {}, query = {} }) {
  const url = template.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(path[name] ?? ''));
  const wanted = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== '') wanted.set(name, String(value));
  }
  return wanted.size === 0 ? url : `${url}?${wanted}`;
}

/** @param {number} ms @param {AbortSignal} [signal] @returns {Promise<void>} */
function delay(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason);
    }, { once: true });
  });
}
