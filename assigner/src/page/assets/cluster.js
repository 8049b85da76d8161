// The header: which member answers, which one leads, and the targets.

import { byId, element, reconcile, setText } from './elements.js';
import { counted } from './quantities.js';
import { verdictIcon } from './questions.js';

export function showCluster(cluster, target) {
  const { member, leader, term, members } = cluster;
  const role = leader === null ? 'no leader answers' : leader === member ? 'it leads' : `member ${leader} leads`;
  const text = `member ${member} of ${members.length} answers; ${role}${leader === null ? '' : `, term ${term}`}`;
  setText(byId('cluster'), text);
  byId('cluster').title = members.map(({ id, address }) => `member ${id}: ${address}`).join('\n');
  const banner = byId('no-leader');
  banner.hidden = leader !== null && !target?.problem;
  setText(banner, leader === null
    ? `No leader answers${target?.problem ? ` (${target.problem})` : ''}: nothing is decided until a majority of the members is back. Requests flow on. Shown is what this member has replicated.`
    : `The leader does not answer: ${target?.problem ?? ''}. Shown is what this member has replicated.`);
}

export function showTargets(targets, shown) {
  const nav = byId('targets');
  nav.hidden = targets.length < 2;
  reconcile(nav, targets, (target) => target.name,
    (target) => element('a', { href: `#${target.name}` }),
    (link, target) => {
      if (target.name === shown) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
      const frozen = target.is_frozen ? ', frozen' : '';
      const facts = `${counted(target.pod_count, 'pod')}, ${counted(target.slice_count, 'slice')}${frozen}`;
      const text = `${target.verdict} ${facts}`;
      if (link.dataset.text === text) return;
      link.dataset.text = text;
      link.replaceChildren(verdictIcon(target.verdict ?? 'unknown'), ` ${target.name} `, element('small', {}, facts));
    });
}
