// How a migration stands, in words. Pure.

import { count, duration, percent } from '../shared/format.js';

/**
 * @typedef {import('../shared/api.js').Schemas['MigrationView']} Migration
 * @typedef {'pause' | 'resume' | 'cancel' | 'retry' | 'approve' | 'dry-run' | 'tune'} Command
 */

/** @type {Record<string, Command[]>} */
const COMMANDS = {
  pending: ['pause', 'cancel', 'dry-run', 'tune'],
  awaiting_approval: ['approve', 'cancel', 'dry-run'],
  running: ['pause', 'cancel', 'tune'],
  throttled: ['pause', 'cancel', 'tune'],
  verifying: ['pause', 'cancel', 'tune'],
  interrupted: ['pause', 'cancel'],
  pausing: ['resume', 'cancel'],
  paused: ['resume', 'cancel', 'dry-run', 'tune'],
  cancelled: ['retry', 'dry-run'],
  failed: ['retry', 'dry-run'],
};

/** @type {Record<Command, string>} */
export const LABELS = {
  pause: 'Pause', resume: 'Resume', cancel: 'Cancel', retry: 'Retry', approve: 'Approve',
  'dry-run': 'Dry run', tune: 'Tune',
};

/** What an operator can do in a state. @param {string} state */
export const commandsOf = (state) => COMMANDS[state] ?? [];

/** @param {string} state @returns {'good' | 'warn' | 'bad' | null} */
export function stateTone(state) {
  if (state === 'failed') return 'bad';
  if (state === 'succeeded') return 'good';
  return ['awaiting_approval', 'throttled', 'paused', 'pausing', 'interrupted'].includes(state) ? 'warn' : null;
}

/** Done, in words: never more than all, no share of an unknown total. @param {Migration} migration */
export function progressText({ rowsProcessed, rowsTotal }) {
  if (rowsTotal <= 0) return `${count(rowsProcessed)} rows`;
  return `${count(rowsProcessed)} of ${count(rowsTotal)} rows (${percent(Math.min(1, rowsProcessed / rowsTotal), 0)})`;
}

/** The end, two-sided where it is known; no number where none would be honest. @param {Migration} migration */
export function etaText({ status, live }) {
  const eta = live?.eta;
  if (status !== 'running' || !eta) return '';
  switch (eta.state) {
    case 'estimate': {
      const [low, high] = [duration(eta.lowS), duration(eta.highS)];
      return low === high ? `about ${low} left` : `${low} to ${high} left`;
    }
    case 'paused': return 'goes on when an operator says so';
    case 'stalled': return 'does not get on';
    default: return 'measuring how long it takes';
  }
}
