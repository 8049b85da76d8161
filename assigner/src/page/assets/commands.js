// The buttons that change the cluster: each asks for confirmation first, and reports why a command was refused.

import { byId } from './elements.js';

let target = { name: '', is_frozen: false };
let pending = null;

export const askDrain = (pod) => ask({
  title: `Drain ${pod}?`,
  text: `All slices of ${pod} move to other pods, which warm them first; then it may stop. A drain cannot be taken back: the pod gets slices again only when it registers anew.`,
  button: 'Drain', body: { command: 'drain', target: target.name, pod },
});

export const askPin = (keys, pod) => ask({
  title: `Pin ${keys} to ${pod}?`,
  text: `${pod} owns these keys for as long as it may own slices, however uneven that is, until they are unpinned.`,
  button: 'Pin', body: { command: 'pin', target: target.name, keys, pod },
});

export const askUnpin = (keys) => ask({
  title: `Unpin ${keys}?`, text: 'The balancer may move these keys again.',
  button: 'Unpin', body: { command: 'unpin', target: target.name, keys },
});

function askFreeze() {
  const { name, is_frozen: isFrozen } = target;
  if (isFrozen) {
    ask({ title: `Unfreeze ${name}?`, text: 'Slices move again: for lost pods at once, for balance when it is due.',
      button: 'Unfreeze', body: { command: 'unfreeze', target: name } });
  } else {
    ask({ title: `Freeze ${name}?`, text: 'No slice moves until it is unfrozen, not even away from a pod that dies: its keys stay without an owner.',
      button: 'Freeze', body: { command: 'freeze', target: name } });
  }
}

/** Follows the shown target, and whether buttons are enabled. */
export function followCommands(shown, mayCommand) {
  target = shown;
  const freeze = byId('freeze');
  freeze.hidden = !mayCommand;
  freeze.textContent = shown.is_frozen ? 'Unfreeze' : 'Freeze';
  byId('commands-off').hidden = mayCommand;
}

function ask({ title, text, button, body }) {
  pending = body;
  byId('confirm-title').textContent = title;
  byId('confirm-text').textContent = text;
  byId('confirm-yes').textContent = button;
  byId('confirm-yes').disabled = false;
  byId('confirm-error').hidden = true;
  byId('confirm').showModal();
  byId('confirm-no').focus();
}

async function send() {
  byId('confirm-yes').disabled = true;
  const request = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(pending) };
  const response = await fetch('/api/command', request).catch(() => null);
  if (response?.ok) {
    byId('confirm').close();
    return;
  }
  const answer = await response?.json().catch(() => null);
  byId('confirm-error').textContent = answer?.error ?? 'The member does not answer: it is unknown whether the command took effect.';
  byId('confirm-error').hidden = false;
  byId('confirm-yes').disabled = false;
}

/** Connects the buttons of the dialog. */
export function listenForCommands() {
  byId('confirm-no').addEventListener('click', () => byId('confirm').close());
  byId('confirm-yes').addEventListener('click', send);
  byId('freeze').addEventListener('click', askFreeze);
}
