// Commands to migrations and to the counters, with the operator's key.

import { ApiError, post } from '../shared/api.js';
import { h } from '../shared/dom.js';
import { bytes, count, duration, fixed } from '../shared/format.js';
import { textOf } from '../shared/poll.js';
import { ask, askKey, confirmed, forgetKey } from './dialogs.js';

/**
 * @typedef {import('./eta.js').Migration} Migration
 * @typedef {import('./eta.js').Command} Command
 * @typedef {import('../shared/api.js').Schemas} Schemas
 * @typedef {{ isDone: boolean, text: string }} Outcome
 */

const STEER = '/api/perf/async-migrations/{name}/{command}';
const BY = { by: 'Perf page' };

/** Carries a command out; says in words what became of it. `null` if the operator thought better of it.
 * @param {Migration} migration @param {Command} command
 * @returns {Promise<Outcome | null>} */
export async function command(migration, command) {
  const { name } = migration;
  if (command === 'cancel' && !await confirmed(`Cancel ${name}?`, 'What is done stays done; what is left stays undone until it is retried.', 'Cancel it')) return null;
  if (command === 'tune') return tune(migration);
  if (command === 'dry-run') return keyed((key) => post('/api/perf/async-migrations/{name}/dry-run', { path: { name }, key }), predictionText);
  return keyed((key) => post(STEER, { path: { name, command }, body: BY, key }), (answer) => `Now ${String(answer.state)}.`);
}

/** Counts requests anew. @returns {Promise<Outcome | null>} */
export const resetRequests = () => keyed((key) => post('/api/perf/reset', { key }), () => 'Requests are counted anew.');

/** Takes what a series does now as normal. @param {string} series @returns {Promise<Outcome | null>} */
export const acceptAsNormal = (series) => keyed(
  (key) => post('/api/perf/anomalies/{series}/accept', { path: { series }, key }),
  () => `What ${series} does now is normal; it is learned afresh.`,
);

/** @param {Schemas['DryRun']} prediction */
function predictionText({ rowsLeft, rowsSampled, rowsChanged, holdSec, durationSec, walBytes, diskBytes, indexHoldSec, isAmplified }) {
  const share = rowsSampled > 0 ? ` (${count(rowsChanged)} of ${count(rowsSampled)} tried rows would change)` : '';
  const index = typeof indexHoldSec === 'number' ? ` One step holds the writer ${fixed(indexHoldSec, 1)} s: building the index.` : '';
  const spread = isAmplified ? ' Rows lie far apart: larger batches pay.' : '';
  return `Dry run, nothing was changed: about ${count(rowsLeft)} rows left${share}, ${duration(durationSec)} with rests, `
    + `${fixed(holdSec, 1)} s of the writer, ${bytes(walBytes)} through the WAL, ${bytes(diskBytes)} must be free.${index}${spread}`;
}

/** @typedef {{ knob: keyof Schemas['KnobValues'], label: string, step: string }} Knob */
/** @type {Knob[]} */
const KNOBS = [
  { knob: 'batchRowsMax', label: 'Rows of a batch at most', step: '1' },
  { knob: 'holdTargetMs', label: 'A batch should hold the writer (ms)', step: '1' },
  { knob: 'holdMaxMs', label: 'After so long it is taken back (ms)', step: '1' },
  { knob: 'walPagesMax', label: 'WAL pages of a batch at most', step: '1' },
  { knob: 'dutyCycle', label: 'Share of the time for batches (0.01 to 1)', step: '0.01' },
  { knob: 'pauseMinMs', label: 'Shortest pause between batches (ms)', step: '1' },
];

/** @param {Migration} migration @returns {Promise<Outcome | null>} */
async function tune({ name, live }) {
  const knobs = live?.knobs;
  const inputs = KNOBS.map(({ knob, step }) => h('input', { type: 'number', name: knob, step, min: '0', value: String(knobs?.[knob] ?? '') }));
  const minutes = h('input', { type: 'number', name: 'minutes', min: '1', max: '10080', value: '60' });
  const reason = h('input', { type: 'text', name: 'reason', maxlength: '80' });
  const isSent = await ask(`Tune ${name}`, 'Set', [
    h('p', { class: 'note' }, 'What is changed here holds for a while and then ends by itself.'),
    ...KNOBS.map(({ label }, index) => h('label', {}, label, /** @type {Node} */ (inputs[index]))),
    h('label', {}, 'For so many minutes', minutes),
    h('label', {}, 'Why (for the record)', reason),
  ]);
  if (!isSent) return null;
  /** @type {Record<string, unknown>} */
  const body = { ...BY, reason: reason.value, forSec: Math.round(Number(minutes.value) * 60) };
  for (const [index, { knob }] of KNOBS.entries()) {
    const value = Number(inputs[index]?.value);
    if (inputs[index]?.value !== '' && value !== knobs?.[knob]) body[knob] = value;
  }
  return keyed((key) => post('/api/perf/async-migrations/{name}/tune', { path: { name }, body, key }), () => 'Set.');
}

/**
 * Sends with the key; asks for another once it was refused.
 * @param {(key: string) => Promise<any>} send @param {(answer: any) => string} tell
 * @returns {Promise<Outcome | null>}
 */
async function keyed(send, tell) {
  let why = '';
  for (;;) {
    const key = await askKey(why);
    if (key === null) return null;
    try {
      return { isDone: true, text: tell(await send(key)) };
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) return { isDone: false, text: `Not done: ${textOf(error)}.` };
      forgetKey();
      why = 'That was not the key.';
    }
  }
}
