// Work that recurs (retention, vacuum and the like): when it ran, what it did, when it runs again.

import { card } from '../shared/figures.js';
import { UNKNOWN, count, dateTime, duration, isNumber, parseUtc, utcTime } from '../shared/format.js';
import { makeTable } from '../shared/table.js';
import { stateTone } from './eta.js';

/**
 * One entry of `maintenance` of `/api/perf`: a task and its schedule.
 * @typedef {{
 *   name: string, state: string, reason: string | null, keepsSec: number | null, lastRunAt: string | null,
 *   lastRows: number | null, rowsTotal: number, runs: number, nextRunInSec: number | null,
 * }} Task
 * One entry of `/api/perf/jobs`: a job as the runner of migrations has it.
 * @typedef {{
 *   name: string, state: string, stateReason: string, stateSince: string, by: string,
 *   rowsScanned: number, rowsChanged: number, rowsFailed: number, runs: number,
 *   last: { state: string, error: string | null, endedAt: string, rowsChanged: number, rowsFailed: number } | null,
 *   batches: number, batchRows: number, walPages: number, knobs: any, settings: any[],
 * }} Job
 * @typedef {{
 *   name: string, state: string, why: string, keepsS: number | null, lastMs: number | null, lastRows: number | null,
 *   rowsTotal: number | null, rowsFailed: number | null, runs: number | null, nextS: number | null,
 * }} Row
 * @typedef {import('./eta.js').Migration} Migration
 */

/** @param {unknown} list @returns {any[]} */
const listOf = (list) => (Array.isArray(list) ? list : []);

/** @param {unknown} maintenance @returns {Task[]} */
export const tasksOf = (maintenance) => listOf(maintenance);
/** @param {unknown} jobs @returns {Job[]} */
export const jobsOf = (jobs) => listOf(jobs);

/** Tasks with what the runner knows of them; jobs that no schedule has come after. @param {Task[]} tasks @param {Job[]} jobs @returns {Row[]} */
export function maintenanceRows(tasks, jobs) {
  const running = new Map(jobs.map((job) => [job.name, job]));
  const rows = tasks.map((task) => {
    const job = running.get(task.name);
    running.delete(task.name);
    return {
      name: task.name, state: stateOf(task, job), why: task.reason ?? (job && isOpen(job) ? job.stateReason : ''), keepsS: task.keepsSec,
      lastMs: parseUtc(task.lastRunAt), lastRows: task.lastRows, rowsTotal: task.rowsTotal,
      rowsFailed: job?.last?.rowsFailed ?? null, runs: task.runs, nextS: task.nextRunInSec,
    };
  });
  return [...rows, ...[...running.values()].map(ofJob)];
}

/** @param {Job} job @returns {Row} */
function ofJob({ name, state, stateReason, runs, last }) {
  return {
    name, state, why: last?.error ?? stateReason, keepsS: null, lastMs: parseUtc(last?.endedAt), lastRows: last?.rowsChanged ?? null,
    rowsTotal: null, rowsFailed: last?.rowsFailed ?? null, runs, nextS: null,
  };
}

/** A job that is under way says more than its schedule does. @param {Task} task @param {Job | undefined} job */
const stateOf = (task, job) => (job && isOpen(job) ? job.state : task.state);

/** Whether a job is under way or waits for somebody. @param {{ state: string }} job */
export const isOpen = ({ state }) => !['succeeded', 'failed', 'cancelled'].includes(state);

/** A job in the form of a migration, so that it is shown and steered as one. @param {Job} job @returns {Migration} */
export function asMigration(job) {
  const { name, state, stateReason, stateSince, by, rowsScanned, rowsChanged, rowsFailed, batches, batchRows, walPages, knobs, settings } = job;
  const live = { eta: null, rowsPerSec: null, batches, batchRows, walPages, knobs, settings };
  return /** @type {Migration} */ (/** @type {unknown} */ ({
    name, state, stateReason, stateSince, by, status: isOpen(job) ? 'running' : 'done', rowsProcessed: rowsScanned, rowsTotal: 0,
    rowsChanged, rowsFailed, elapsedSec: 0, etaSec: 0, ratePerSec: 0, live,
  }));
}

/** @param {string} state */
const toneOf = (state) => ({ disabled: 'muted', done: 'good' }[state] ?? stateTone(state));

/** @param {Row} row */
function nextText({ nextS, state }) {
  if (!isNumber(nextS)) return state === 'running' ? 'now' : UNKNOWN;
  return nextS === 0 ? 'as soon as it can' : `in ${duration(nextS)}`;
}

export function maintenanceSection() {
  const table = makeTable({
    caption: 'Recurring work', isCaptionHidden: true, rowKey: ({ name }) => name, empty: 'This process does none.',
    rowTone: ({ state }) => (state === 'failed' ? 'bad' : null),
    columns: [
      { key: 'name', label: 'What', isHeader: true, class: 'mono', text: (/** @type {Row} */ { name }) => name },
      { key: 'state', label: 'State', text: ({ state }) => state.replaceAll('_', ' '), tone: ({ state }) => toneOf(state) },
      { key: 'keeps', label: 'Keeps', isNumber: true, title: 'Rows younger than that stay', text: ({ keepsS }) => duration(keepsS) },
      { key: 'next', label: 'Next run', isNumber: true, text: nextText },
      { key: 'last', label: 'Last run', class: 'nowrap', text: ({ lastMs, runs }) => (lastMs === null && runs === 0 ? 'not yet' : dateTime(lastMs)), hint: ({ lastMs }) => utcTime(lastMs) },
      { key: 'rows', label: 'Rows then', isNumber: true, title: 'Rows moved, changed or deleted, or pages freed', text: ({ lastRows }) => count(lastRows) },
      { key: 'total', label: 'Rows in all', isNumber: true, title: 'Since the process started', text: ({ rowsTotal }) => count(rowsTotal) },
      { key: 'runs', label: 'Runs', isNumber: true, text: ({ runs }) => count(runs) },
      { key: 'aside', label: 'Set aside', isNumber: true, text: ({ rowsFailed }) => count(rowsFailed), tone: ({ rowsFailed }) => ((rowsFailed ?? 0) > 0 ? 'warn' : null) },
      { key: 'why', label: 'Note', class: 'remark', text: ({ why }) => why, tone: ({ state }) => (state === 'failed' ? 'bad' : 'muted') },
    ],
  });
  const section = card('maintenance', 'Recurring work', table.element);
  return {
    ...section,
    /** @param {Task[]} tasks @param {Job[] | null} jobs `null` where they cannot be read */
    update(tasks, jobs) {
      table.update(maintenanceRows(tasks, jobs ?? []));
      section.setNote('Old rows go, free pages are given back, statistics are kept fresh: in small steps, between migrations. What is under way can be steered above.');
    },
  };
}
