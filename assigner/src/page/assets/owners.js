// The colours of owners: seven that people with any colour vision distinguish (Okabe and Ito), then the same with stripes
// and with dots. A pod keeps its colour while it is shown, and names stand beside colours everywhere.

import { shape } from './elements.js';

const COLOURS = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00', '#f0e442'];
const PATTERNS = ['plain', 'stripes', 'dots'];

const slots = new Map();

/** Frees the colours of pods that are gone, and gives free ones to new pods in this order. */
export function follow(pods) {
  const present = new Set(pods);
  for (const pod of slots.keys()) if (!present.has(pod)) slots.delete(pod);
  const used = new Set(slots.values());
  let free = 0;
  for (const pod of pods) {
    if (slots.has(pod)) continue;
    while (used.has(free)) free += 1;
    slots.set(pod, free);
    used.add(free);
  }
}

/** What an SVG shape of this owner is filled with. */
export function fillOf(pod) {
  if (!slots.has(pod)) return 'var(--unknown)';
  const slot = slots.get(pod);
  const pattern = PATTERNS[Math.floor(slot / COLOURS.length) % PATTERNS.length];
  const colour = slot % COLOURS.length;
  return pattern === 'plain' ? COLOURS[colour] : `url(#${pattern}-${colour})`;
}

/** A small square in the colour of the owner. */
export function swatch(pod) {
  const square = shape('svg', { class: 'swatch', viewBox: '0 0 12 12', 'aria-hidden': 'true' });
  square.append(shape('rect', { width: 12, height: 12, rx: 2 }));
  paint(square, pod);
  return square;
}

/** Gives a swatch the present colour of the owner. */
export const paint = (square, pod) => square.firstChild.setAttribute('fill', fillOf(pod));

/** The patterns, once in the document. */
export function patterns() {
  const defined = COLOURS.flatMap((colour, at) => [
    shape('pattern', { id: `stripes-${at}`, width: 6, height: 6, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' },
      shape('rect', { width: 6, height: 6, fill: colour }), shape('rect', { width: 2, height: 6, fill: '#fff' })),
    shape('pattern', { id: `dots-${at}`, width: 6, height: 6, patternUnits: 'userSpaceOnUse' },
      shape('rect', { width: 6, height: 6, fill: colour }), shape('circle', { cx: 3, cy: 3, r: 1.5, fill: '#fff' })),
  ]);
  const moving = shape('pattern', { id: 'moving', width: 8, height: 8, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(-45)' },
    shape('rect', { width: 3, height: 8, fill: 'var(--ink)' }));
  return shape('svg', { width: 0, height: 0, class: 'patterns', 'aria-hidden': 'true' }, shape('defs', {}, ...defined, moving));
}
