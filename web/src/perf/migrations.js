// Migrations: those that are under way or need somebody, with controls; those that are done in a
// table.

import { h, reconcile, setAttribute, setText } from '../shared/dom.js';
import { card } from '../shared/figures.js';
import { bytes, count, dateTime, duration, isNumber, milliseconds, parseUtc, utcTime } from '../shared/format.js';
import { makeTable } from '../shared/table.js';
import { LABELS, commandsOf, etaText, progressText, stateTone } from './eta.js';
import { asMigration, isOpen } from './maintenance.js';

/** @typedef {import('./eta.js').Migration} Migration */

const PAGE_BYTES = 4096;

/** @param {() => void} commanded after a command was given */
export function migrationsSection(commanded) {
  const list = h('ul', { class: 'migrations' });
  const done = makeTable({
    caption: 'Migrations at their end', isCaptionHidden: true, rowKey: ({ name }) => name, empty: 'None has come to its end yet.',
    columns: [
      { key: 'name', label: 'Done', isHeader: true, class: 'mono', text: (/** @type {Migration} */ { name }) => name },
      { key: 'state', label: 'State', text: ({ state }) => state, tone: ({ state }) => stateTone(state) },
      { key: 'rows', label: 'Rows', isNumber: true, text: ({ rowsProcessed }) => count(rowsProcessed), hint: verifiedText },
      { key: 'changed', label: 'Changed', isNumber: true, text: ({ rowsChanged }) => count(rowsChanged) },
      { key: 'aside', label: 'Set aside', isNumber: true, text: ({ rowsFailed }) => count(rowsFailed), tone: ({ rowsFailed }) => (rowsFailed > 0 ? 'warn' : null) },
      { key: 'took', label: 'Took', isNumber: true, text: ({ elapsedSec }) => duration(elapsedSec) },
      { key: 'ended', label: 'Ended', class: 'nowrap', text: ({ endedAt }) => dateTime(parseUtc(endedAt)), hint: ({ endedAt }) => utcTime(parseUtc(endedAt)) },
    ],
  });
  const section = card('migrations', 'Migrations', list, done.element);
  /** @type {WeakMap<Element, ReturnType<typeof item>>} */
  const items = new WeakMap();
  return {
    ...section,
    /** @param {Migration[]} migrations @param {import('./maintenance.js').Job[]} jobs */
    update(migrations, jobs) {
      const open = [...migrations.filter(({ state }) => state !== 'succeeded'), ...jobs.filter(isOpen).map(asMigration)]
        .sort((a, b) => Number(a.state === 'pending') - Number(b.state === 'pending'));
      reconcile(list, open, {
        key: ({ name }) => name,
        make(migration) {
          const made = item(migration.name, commanded);
          items.set(made.element, made);
          return made.element;
        },
        update: (element, migration) => items.get(element)?.update(migration),
      });
      list.hidden = open.length === 0;
      done.update(migrations.filter(({ state }) => state === 'succeeded'));
      section.setNote(open.length === 0 ? 'Nothing is left to do.' : null);
    },
  };
}

/** @param {string} name @param {() => void} commanded */
function item(name, commanded) {
  const badge = h('span', { class: 'badge' });
  const reason = h('p', { class: 'migration__reason' });
  const bar = h('progress', { max: '1', 'aria-label': `Progress of ${name}` });
  const progress = h('span');
  const eta = h('span');
  const pace = h('span');
  const outcome = h('p', { class: 'note', role: 'status' });
  const buttons = h('div', { class: 'buttons' });
  const element = h('li', { class: 'migration' },
    h('div', { class: 'migration__head' }, h('h3', { class: 'mono' }, name), badge, buttons),
    reason, bar, h('p', { class: 'migration__figures' }, progress, eta, pace), outcome);
  /** @type {Migration | null} */
  let latest = null;
  let isBusy = false;

  const press = async (/** @type {import('./eta.js').Command} */ wanted) => {
    if (!latest || isBusy) return;
    isBusy = true;
    const told = await (await import('./commands.js')).command(latest, wanted);
    isBusy = false;
    if (told === null) return;
    setText(outcome, told.text);
    setAttribute(outcome, 'data-tone', told.isDone ? null : 'warn');
    commanded();
  };
  return {
    element,
    /** @param {Migration} migration */
    update(migration) {
      latest = migration;
      const { state, rowsProcessed, rowsTotal, live, rowsFailed } = migration;
      setText(badge, state.replaceAll('_', ' '));
      setAttribute(badge, 'data-tone', stateTone(state));
      setText(reason, whyText(migration));
      reason.hidden = reason.textContent === '';
      if (rowsTotal > 0) bar.value = Math.min(1, rowsProcessed / rowsTotal);
      else if (migration.status === 'running' && state !== 'pending') bar.removeAttribute('value');
      else bar.value = 0;
      setText(progress, progressText(migration));
      setText(eta, etaText(migration));
      setText(pace, [
        live?.rowsPerSec ? `${count(live.rowsPerSec)} rows/s` : '',
        live && live.batches > 0 ? `${count(live.batches)} batches of ${count(live.batchRows)} rows, ${bytes(live.walPages * PAGE_BYTES)} through the WAL` : '',
        waitText(live?.ingestWaitP99Ms),
        rowsFailed > 0 ? `${count(rowsFailed)} rows set aside` : '',
      ].filter(Boolean).join(' · '));
      reconcile(buttons, commandsOf(state), {
        key: (wanted) => wanted,
        make: (wanted) => h('button', {
          type: 'button', class: wanted === 'cancel' ? 'danger' : null, 'aria-label': `${LABELS[wanted]} ${name}`,
          on: { click: () => press(wanted) },
        }, LABELS[wanted]),
      });
    },
  };
}

/** What was looked at once more. @param {Migration} migration */
function verifiedText({ verification }) {
  if (!verification) return null;
  return `${count(verification.rowsChecked)} verified, ${count(verification.rowsDiffering)} differ, SHA-256 ${verification.hash}`;
}

/** What ingest feels of it. @param {{ before?: number | null, during?: number | null } | null | undefined} wait */
function waitText(wait) {
  if (!isNumber(wait?.during)) return '';
  return `ingest waits ${milliseconds(wait.during)} (p99)${isNumber(wait.before) ? `, ${milliseconds(wait.before)} before` : ''}`;
}

/** Why it stands where it stands, who moved it there, since when. @param {Migration} migration */
function whyText({ status, errorMessage, stateReason, by, stateSince, live }) {
  const why = status === 'failed' ? errorMessage ?? stateReason ?? 'no reason is known' : stateReason ?? '';
  const who = by && !why.includes(by) ? `by ${by}` : '';
  const since = parseUtc(stateSince);
  const settings = (live?.settings ?? []).map((setting) =>
    `${setting.knob} = ${setting.value} by ${setting.by}${setting.reason ? ` (${setting.reason})` : ''}`);
  return [why, who, since === null ? '' : `since ${dateTime(since)}`, settings.length > 0 ? `turned: ${settings.join(', ')}` : '']
    .filter(Boolean).join(' · ');
}
