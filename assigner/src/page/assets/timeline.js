// Decisions with their reasons, and other events, newest first.

import { byId, element, reconcile, setText } from './elements.js';
import { duration } from './quantities.js';

export function showTimeline(timeline) {
  reconcile(byId('timeline'), timeline, (entry) => entry.id, newEntry, (line, entry) => {
    setText(line.querySelector('time'), `${duration(entry.age_ms)} ago`);
    setText(line.querySelector('.text'), entry.text);
  });
}

function newEntry({ kind, moves, is_failure: isFailure, leader }) {
  const what = element('div', {}, element('p', { className: 'text' }));
  if (moves.length > 0) {
    what.append(element('details', {}, element('summary', {}, 'moves and their causes'),
      element('ul', {}, ...moves.map((move) => element('li', {}, move)))));
  }
  const badge = element('span', { className: `badge ${isFailure ? 'failure' : kind}`, title: `seen by member ${leader}` }, isFailure ? 'failure' : kind);
  return element('li', { className: isFailure ? 'failed' : '' }, element('time'), badge, what);
}
