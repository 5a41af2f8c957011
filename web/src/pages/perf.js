// The Perf page: what is wrong, then everything that can be measured (contract §7.1).

import { wakeBanner } from '../banner/banner.js';
import { get } from '../shared/api.js';
import { h, reconcile, setAttribute, setText } from '../shared/dom.js';
import { makeFigures } from '../shared/figures.js';
import { clockTime, count, duration, milliseconds, parseUtc } from '../shared/format.js';
import { freshnessLine } from '../shared/freshness.js';
import { startPoll, textOf } from '../shared/poll.js';
import { findingsOf, verdictOf } from '../perf/findings.js';
import { ioSection } from '../perf/io.js';
import { jobsOf, maintenanceSection, tasksOf } from '../perf/maintenance.js';
import { migrationsSection } from '../perf/migrations.js';
import { mqttSection } from '../perf/mqtt.js';
import { runtimeSection, storeSection } from '../perf/process.js';
import { callsSection, requestsSection, slowSection } from '../perf/requests.js';
import { sqliteSection } from '../perf/sqlite.js';
import { writesSection } from '../perf/writes.js';

/**
 * @typedef {import('../shared/api.js').Schemas} Schemas
 * @typedef {import('../perf/findings.js').Finding} Finding
 */

const EVERY_MS = 5000;

/**
 * What was asked beside `/api/perf`: `null` with a reason where there is no answer.
 * @template B
 * @param {string} name @param {{ name: string, why: string }[]} unread @param {Promise<B>} asked
 * @returns {Promise<B | null>}
 */
async function optional(name, unread, asked) {
  try {
    return await asked;
  } catch (error) {
    unread.push({ name, why: textOf(error) });
    return null;
  }
}

/** @type {import('../pages.js').Mount} */
export function mount(root) {
  const age = freshnessLine();
  const status = statusSection(() => commanded());
  const overview = makeFigures();
  const refresh = () => poll.refresh();
  const commanded = async () => {
    refresh();
    forget.hidden = !(await import('../perf/dialogs.js')).hasKey();
  };
  const sections = {
    io: ioSection(), writes: writesSection(), sqlite: sqliteSection(), migrations: migrationsSection(commanded),
    maintenance: maintenanceSection(),
    store: storeSection(), requests: requestsSection(commanded), slow: slowSection(), mqtt: mqttSection(),
    runtime: runtimeSection(), calls: callsSection(),
  };
  const forgetNow = async () => {
    (await import('../perf/dialogs.js')).forgetKey();
    forget.hidden = true;
  };
  const forget = h('button', { type: 'button', class: 'quiet', hidden: true, on: { click: forgetNow } }, 'Forget the key');
  root.append(
    h('div', { class: 'head' }, h('h1', {}, 'Performance'), age.element,
      h('div', { class: 'buttons' }, forget, h('button', { type: 'button', on: { click: refresh } }, 'Refresh'))),
    status.element, overview.element,
    ...Object.values(sections).map(({ element }) => element),
  );

  const charted = [sections.io, sections.sqlite, sections.runtime];
  // Before, everything lies within the window, and all charts would be asked for.
  let isFilled = false;
  const task = async (/** @type {AbortSignal} */ signal) => {
    /** @type {{ name: string, why: string }[]} */
    const unread = [];
    const isFirst = !isFilled;
    const [perf, io, writes, sqlite, health, anomalies, migrations, mqtt, found] = await Promise.all([
      get('/api/perf', { signal }),
      optional('Disk I/O', unread, get('/api/perf/io', { signal })),
      optional('Write sources', unread, get('/api/perf/write-sources', { signal })),
      optional('SQLite', unread, get('/api/perf/sqlite', { signal })),
      optional('Health', unread, get('/api/health', { signal })),
      optional('Judgement', unread, get('/api/perf/anomalies', { signal })),
      optional('Migrations', unread, get('/api/perf/async-migrations', { signal })),
      optional('MQTT status', unread, get('/api/mqtt/status', { signal })),
      // The schedule in /api/perf is enough to begin with.
      isFirst ? [] : optional('Recurring work', unread, get('/api/perf/jobs', { signal })),
    ]);
    const [tasks, jobs] = [tasksOf(perf.maintenance), jobsOf(found)];
    if (hasNews(migrations)) wakeBanner();
    const began = performance.now();
    const failed = (/** @type {{ setNote: (text: string, tone: string) => void }} */ section, /** @type {string} */ name) => {
      const why = unread.find((one) => one.name === name)?.why ?? 'no reason is known';
      section.setNote(`Cannot be read now: ${why}. What is shown is older.`, 'warn');
    };
    status.update(findingsOf({ anomalies, migrations, mqtt, io, tasks, store: perf.packetStore, foreignWrites: perf.foreignWrites ?? null, unread }, Date.now()), anomalies);
    overview.update(overviewFigures(perf, health));
    if (io) sections.io.update(io); else failed(sections.io, 'Disk I/O');
    if (writes) sections.writes.update(writes); else failed(sections.writes, 'Write sources');
    if (sqlite) sections.sqlite.update(sqlite, perf.sqlite ?? null); else failed(sections.sqlite, 'SQLite');
    if (migrations) sections.migrations.update(migrations, jobs); else failed(sections.migrations, 'Migrations');
    if (mqtt) sections.mqtt.update(mqtt); else failed(sections.mqtt, 'MQTT status');
    sections.maintenance.update(tasks, jobs);
    if (!found) failed(sections.maintenance, 'Recurring work');
    sections.store.update(perf.packetStore);
    sections.requests.update(perf);
    sections.slow.update(perf.slowQueries);
    sections.runtime.update(health, perf, io);
    sections.calls.update();
    performance.measure('perf-refresh', { start: began });
    if (!isFilled) charted.forEach((section) => section.start(health?.uptime));
    isFilled = true;
  };
  /** States of migrations that the banner was told of. */
  let told = '';
  /** @param {Schemas['MigrationView'][] | null} migrations */
  const hasNews = (migrations) => {
    const states = JSON.stringify((migrations ?? []).map(({ name, state }) => [name, state]));
    const isNew = told !== '' && states !== told;
    told = states;
    return isNew;
  };
  const poll = startPoll({ everyMs: EVERY_MS, task, onState: age.show });
  return () => {
    poll.stop();
    age.stop();
    charted.forEach((section) => section.stop());
  };
}

/** @param {Schemas['Overview']} perf @param {Schemas['Health'] | null} health */
function overviewFigures(perf, health) {
  const version = [health?.version, health?.commit?.slice(0, 7)].filter((part) => part && part !== 'unknown').join(' · ');
  return [
    { label: 'Running for', text: duration(health?.uptime), hint: health ? '' : 'health cannot be read' },
    { label: 'Requests', text: count(perf.totalRequests), hint: `counted for ${duration(perf.uptime)}` },
    { label: 'Mean time', text: milliseconds(perf.avgMs) },
    { label: 'Slow requests', text: count(health ? health.perf.slowQueries : perf.slowQueries.length), hint: 'over 100 ms' },
    // Hidden where the build does not know it.
    ...(version ? [{ label: 'Version', text: version }] : []),
  ];
}

/** What is wrong, in words. @param {() => void} commanded after a command was given */
function statusSection(commanded) {
  const verdict = h('p', { class: 'verdict__line' });
  const judged = h('p', { class: 'note' });
  const outcome = h('p', { class: 'note', role: 'status' });
  const list = h('ul', { class: 'findings' });
  const live = h('div', { role: 'status' }, verdict);
  const element = h('section', { class: 'card verdict', 'aria-label': 'What is wrong' }, live, list, outcome, judged);
  /** @param {Event} event */
  const accept = async ({ currentTarget }) => {
    const told = await (await import('../perf/commands.js')).acceptAsNormal(/** @type {HTMLButtonElement} */ (currentTarget).value);
    if (told) setText(outcome, told.text);
    if (told?.isDone) commanded();
  };
  return {
    element,
    /** @param {Finding[]} findings @param {Schemas['AnomaliesBody'] | null} anomalies */
    update(findings, anomalies) {
      const { tone, text } = verdictOf(findings, anomalies);
      setText(verdict, text);
      setAttribute(element, 'data-level', tone);
      reconcile(list, findings, {
        key: ({ key }) => key,
        make: ({ acceptable }) => h('li', { class: 'finding' }, h('span', { class: 'finding__what' }), ' ', h('span', { class: 'finding__since' }),
          ...(acceptable ? [' ', h('button', { type: 'button', class: 'quiet', value: acceptable, on: { click: accept } }, 'Accept as normal')] : [])),
        update(line, finding) {
          const [what, since] = /** @type {HTMLElement[]} */ ([...line.children]);
          setAttribute(line, 'data-level', finding.tone);
          setText(/** @type {Node} */ (what), finding.what);
          setText(/** @type {Node} */ (since), finding.details);
        },
      });
      list.hidden = findings.length === 0;
      const at = parseUtc(anomalies?.judgedAt);
      setText(judged, at === null ? '' : `Judged at ${clockTime(at)}, every ${anomalies?.everySec} s: against fixed limits, the last five minutes, and what this server usually does.`);
    },
  };
}
