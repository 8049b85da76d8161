// The lookup: where a key, a slice or a pod is, since when and why, and what would move it.

import { askPin, askUnpin } from './commands.js';
import { byId, element } from './elements.js';

const REFRESH_MS = 2_000;

const state = { target: '', subject: null, mayCommand: false, askedAt: 0, shown: '' };

/** Looks up a subject of the shown target. */
export function lookUp(subject) {
  byId('subject').value = subject;
  Object.assign(state, { subject, shown: '' });
  byId('explanation').hidden = false;
  byId('explanation-title').textContent = subject;
  byId('explanation-text').replaceChildren();
  byId('pin').hidden = true;
  ask().then(() => byId('explanation').scrollIntoView({ block: 'nearest' }));
}

/** Keeps the explanation up to date while it is open. */
export function followLookup(target, mayCommand) {
  if (state.target !== target.name) close();
  Object.assign(state, { target: target.name, mayCommand });
  showPods(target.pods.rows.map((row) => row.name));
  if (state.subject !== null && performance.now() - state.askedAt > REFRESH_MS) ask();
}

async function ask() {
  const { target, subject } = state;
  state.askedAt = performance.now();
  const query = new URLSearchParams({ target, subject });
  const response = await fetch(`/api/lookup?${query}`).catch(() => null);
  const answer = await response?.json().catch(() => null);
  if (state.subject !== subject || state.target !== target) return;
  const error = byId('explanation-error');
  error.hidden = response?.ok ?? false;
  if (!response?.ok) {
    error.textContent = answer?.error ?? 'The member does not answer.';
    return;
  }
  show(answer);
}

/** The first paragraph is the subject; each later one has its heading in its first line. */
function show({ text, facts, subject }) {
  byId('explanation-title').textContent = facts.kind === 'key' ? `Key ${subject}` : facts.kind === 'pod' ? `Pod ${subject}` : `Slice ${subject}`;
  byId('pin').hidden = !state.mayCommand || facts.kind === 'pod';
  if (text === state.shown) return;
  state.shown = text;
  const paragraphs = text.trim().split('\n\n').map((paragraph) => paragraph.split('\n').map((line) => line.trim()));
  const parts = paragraphs.map(([first, ...lines], at) => (at === 0
    ? element('p', { className: 'subject' }, [first, ...lines].join(' '))
    : element('div', { className: 'part' }, element('h3', {}, first), ...lines.map((line) => element('p', {}, line)))));
  byId('explanation-text').replaceChildren(...parts);
}

function showPods(pods) {
  const select = byId('pin-pod');
  const names = pods.join(' ');
  if (select.dataset.names === names) return;
  select.dataset.names = names;
  const chosen = select.value;
  select.replaceChildren(...pods.map((pod) => element('option', {}, pod)));
  if (pods.includes(chosen)) select.value = chosen;
}

function close() {
  state.subject = null;
  byId('explanation').hidden = true;
}

/** Connects the form and the keys: `/` focuses the field, Escape closes the explanation. */
export function listenForLookups() {
  byId('lookup').addEventListener('submit', (event) => {
    event.preventDefault();
    const subject = byId('subject').value.trim();
    if (subject !== '' && state.target !== '') lookUp(subject);
  });
  byId('explanation-close').addEventListener('click', close);
  byId('pin-button').addEventListener('click', () => askPin(state.subject, byId('pin-pod').value));
  byId('unpin-button').addEventListener('click', () => askUnpin(state.subject));
  document.addEventListener('keydown', (event) => {
    const isTyping = event.target.matches('input:not([type=range]), select, textarea');
    if (event.key === '/' && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      byId('subject').focus();
      byId('subject').select();
    }
    if (event.key === 'Escape' && !byId('confirm').open && !byId('explanation').hidden) {
      close();
      byId('subject').focus();
    }
  });
}
