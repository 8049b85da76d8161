// The moves in progress, with how warm each next owner is.

import { byId, element, reconcile, setText, shape } from './elements.js';
import { lookUp } from './lookup.js';
import { paint, swatch } from './owners.js';
import { counted, percent } from './quantities.js';

export function showMoves({ moves, move_count: all }) {
  setText(byId('moves-summary'), all === 0 ? 'none: every slice is at its owner'
    : `${counted(all, 'slice')} ${all === 1 ? 'warms' : 'warm'} at the next owner${all > moves.length ? `, the first ${moves.length} are` : ''}`);
  reconcile(byId('moves'), moves, (move) => `${move.range} ${move.to}`, newMove, (line, move) => {
    for (const square of line.querySelectorAll('.swatch')) paint(square, square.dataset.owner);
    line.querySelector('.load').setAttribute('width', (move.warm_share_thousandths / 10).toFixed(1));
    setText(line.querySelector('.rate'), move.is_queued ? 'waits for a slot' : `${percent(move.warm_share_thousandths)} warm`);
  });
}

function newMove({ range, from, to }) {
  const why = element('button', { type: 'button', className: 'link key', title: range }, range);
  why.addEventListener('click', () => lookUp(range));
  const owner = (pod) => {
    const square = swatch(pod);
    square.dataset.owner = pod;
    return element('span', { className: 'owner' }, square, ` ${pod}`);
  };
  const bar = shape('svg', { class: 'bar', viewBox: '0 0 100 10', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    shape('rect', { class: 'track', width: 100, height: 10 }), shape('rect', { class: 'load', height: 10 }));
  return element('li', {}, why, element('span', { className: 'owners' },
    ...(from === null ? ['from the store'] : [owner(from)]), ' → ', owner(to)), bar, element('span', { className: 'rate number' }));
}
