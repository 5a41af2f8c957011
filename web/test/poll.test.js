import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freshnessOf } from '../src/shared/freshness.js';
import { startPoll } from '../src/shared/poll.js';

/** A page whose tab can be hidden. */
function fakePage() {
  const events = new EventTarget();
  const page = {
    hidden: false,
    addEventListener: events.addEventListener.bind(events),
    removeEventListener: events.removeEventListener.bind(events),
    show(/** @type {boolean} */ isShown) {
      page.hidden = !isShown;
      events.dispatchEvent(new Event('visibilitychange'));
    },
  };
  return page;
}

/** Lets everything happen that is due. */
const settle = () => new Promise((resolve) => { setImmediate(resolve); });

test('a hidden tab asks nothing, and asks at once when it is seen again', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const page = fakePage();
  let asked = 0;
  const poll = startPoll({ everyMs: 1000, page: /** @type {any} */ (page), task: async () => { asked += 1; } });
  await settle();
  assert.equal(asked, 1);
  page.show(false);
  t.mock.timers.tick(10_000);
  await settle();
  assert.equal(asked, 1);
  page.show(true);
  await settle();
  assert.equal(asked, 2);
  t.mock.timers.tick(1000);
  await settle();
  assert.equal(asked, 3);
  poll.stop();
  t.mock.timers.tick(10_000);
  await settle();
  assert.equal(asked, 3);
});

test('a server that hangs is seen within one interval, and recovery as well', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let isHanging = true;
  /** @type {import('../src/shared/poll.js').PollState[]} */
  const states = [];
  const poll = startPoll({
    everyMs: 1000, page: /** @type {any} */ (fakePage()), onState: (state) => states.push(state), now: () => 7,
    task: (signal) => (isHanging
      ? new Promise((_, reject) => { signal.addEventListener('abort', () => reject(signal.reason)); })
      : Promise.resolve()),
  });
  t.mock.timers.tick(1000);
  await settle();
  assert.match(states.at(-1)?.error ?? '', /in time/);
  isHanging = false;
  t.mock.timers.tick(1000);
  await settle();
  assert.deepEqual(states.at(-1), { lastOkMs: 7, error: null, failedSinceMs: null });
  poll.stop();
});

test('the age of the data and the last error are said', () => {
  assert.equal(freshnessOf({ lastOkMs: null, error: null, failedSinceMs: null }, 0).kind, 'waiting');
  assert.equal(freshnessOf({ lastOkMs: 1000, error: null, failedSinceMs: null }, 6000).text, 'Updated 5 s ago');
  const failed = freshnessOf({ lastOkMs: 1000, error: 'gone', failedSinceMs: 5000 }, 61_000);
  assert.equal(failed.kind, 'failed');
  assert.match(failed.text, /No answer since .*: gone\. What is shown is 1 min old/);
});
