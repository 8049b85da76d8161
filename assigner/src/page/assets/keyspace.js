// The key space from its first to its last slice: the colour is the owner, the height is the load.

import { byId, element, reconcile, setText, shape } from './elements.js';
import { lookUp } from './lookup.js';
import { fillOf, paint, swatch } from './owners.js';
import { count, counted, perSecond } from './quantities.js';

/** The height of a band without load, and of the whole picture. */
const BASE = 16;
const HEIGHT = 100;
/** The most owners that the legend names. */
const NAMED_OWNERS_MAX = 21;
const SHOWN_KEY_LENGTH = 24;

let bands = [];

export function showKeySpace({ key_space: space, slice_count: slices, key_mode: mode }) {
  bands = space.bands;
  const isGrouped = bands.length < slices;
  setText(byId('keyspace-summary'), [
    `${counted(slices, 'slice')} in key order`,
    isGrouped ? `each column is about ${count(Math.round(slices / bands.length))} of them` : 'each column is one',
    `${mode} keys`,
  ].join(', '));
  const most = Math.max(1, ...bands.map((band) => band.load_milli));
  byId('keyspace').replaceChildren(picture(most));
  const range = byId('band');
  range.max = bands.length - 1;
  describe();
  showLegend(most);
  showHottest(space);
}

function picture(most) {
  const owners = new Set(bands.map((band) => band.owner));
  const drawn = shape('svg', { viewBox: `0 0 ${bands.length} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img',
    'aria-label': `Key space in ${counted(bands.length, 'column')} of ${counted(owners.size, 'owner')}` });
  const gap = bands.length > 200 ? 0 : 0.06;
  bands.forEach((band, at) => {
    const height = BASE + (band.load_milli / most) * (HEIGHT - BASE);
    const place = { x: at, width: 1 - gap, y: HEIGHT - height, height };
    if (band.unserved_count > 0) drawn.append(shape('rect', { class: 'unserved', x: at, width: 1 - gap, y: 0, height: HEIGHT }));
    drawn.append(shape('rect', { ...place, fill: band.owner === null ? 'none' : fillOf(band.owner) }));
    if (band.moving_count > 0) drawn.append(shape('rect', { class: 'moving', x: at, width: 1 - gap, y: HEIGHT - BASE + 3, height: BASE - 3 }));
  });
  drawn.append(shape('rect', { class: 'cursor', x: byId('band').value, width: 1, y: 0, height: HEIGHT }));
  drawn.addEventListener('pointermove', (event) => pointAt(event, drawn));
  drawn.addEventListener('click', (event) => {
    pointAt(event, drawn);
    explainBand();
  });
  return drawn;
}

function pointAt(event, drawn) {
  const box = drawn.getBoundingClientRect();
  byId('band').value = Math.floor(((event.clientX - box.left) / box.width) * bands.length);
  describe();
}

const selected = () => bands[Math.min(bands.length - 1, Number(byId('band').value))];

function describe() {
  const band = selected();
  if (!band) return;
  byId('keyspace').querySelector('.cursor')?.setAttribute('x', bands.indexOf(band));
  const others = band.owner_count > 1 ? ` and ${counted(band.owner_count - 1, 'other')}` : '';
  const parts = [shortRange(band.range), band.owner === null ? 'no owner' : `${band.owner}${others}`, perSecond(band.load_milli)];
  if (band.slice_count > 1) parts.push(counted(band.slice_count, 'slice'));
  if (band.moving_count > 0) parts.push(band.slice_count > 1 ? `${count(band.moving_count)} warming at a next owner` : 'warming at its next owner');
  if (band.unserved_count > 0) parts.push(`${count(band.unserved_count)} without an owner`);
  setText(byId('band-text').firstElementChild, parts.join(' · '));
  byId('band-why').hidden = band.slice_count > 1;
  byId('band').setAttribute('aria-valuetext', parts.join(', '));
}

function explainBand() {
  const band = selected();
  if (band?.slice_count === 1) lookUp(band.range);
}

/** A range with both bounds cut to what fits in a line. */
function shortRange(range) {
  const short = (key) => (key.length > SHOWN_KEY_LENGTH ? `${key.slice(0, SHOWN_KEY_LENGTH)}...` : key);
  const [start, end] = range.split('..');
  return `from ${start === '' ? 'the first key' : short(start)} to ${end === '' ? 'the last' : short(end)}`;
}

function showLegend(most) {
  const owners = [...new Set(bands.map((band) => band.owner).filter((owner) => owner !== null))].sort(byName.compare);
  const signs = [
    { key: 'sign height', text: `height: load, up to ${perSecond(most)}` },
    { key: 'sign moving', text: 'hatched: warming at a next owner' },
    { key: 'sign unserved', text: 'full height, outlined: no owner' },
  ];
  const named = owners.length > NAMED_OWNERS_MAX
    ? [{ key: 'owners', text: `${counted(owners.length, 'owner')}: colours repeat, point at a column` }]
    : owners.map((owner) => ({ key: `owner ${owner}`, owner, text: owner }));
  reconcile(byId('legend'), [...named, ...signs], (entry) => entry.key, newEntry, (line, entry) => {
    if (entry.owner !== undefined) paint(line.querySelector('svg'), entry.owner);
    setText(line.lastElementChild, entry.text);
  });
}

const byName = new Intl.Collator('en', { numeric: true });

function newEntry({ key, owner }) {
  if (owner !== undefined) return element('li', {}, swatch(owner), ' ', element('span'));
  const sign = key === 'sign moving' ? [{ class: 'moving', fill: 'url(#moving)' }] : key === 'sign unserved' ? [{ class: 'unserved' }] : [];
  const drawn = sign.map((attributes) => shape('svg', { class: 'swatch', viewBox: '0 0 12 12', 'aria-hidden': 'true' },
    shape('rect', { ...attributes, x: 0.5, y: 0.5, width: 11, height: 11 })));
  return element('li', {}, ...drawn, ' ', element('span'));
}

function showHottest({ hottest, hot_key_count: known }) {
  setText(byId('hottest-summary'), known === 0 ? 'no key is hot' : `${counted(known, 'hot key')} known`);
  const most = Math.max(1, ...hottest.map((hot) => hot.load_milli));
  reconcile(byId('hottest'), hottest, (hot) => hot.slice_key, newHotKey, (line, hot) => {
    line.querySelector('.load').setAttribute('width', ((hot.load_milli / most) * 100).toFixed(2));
    setText(line.querySelector('.rate'), perSecond(hot.load_milli));
    setText(line.querySelector('.owners'), hot.owners.length === 0 ? 'no owner' : hot.owners.join(', '));
  });
}

function newHotKey(hot) {
  const name = hot.slice_key === '' ? '(empty)' : hot.slice_key;
  const why = element('button', { type: 'button', className: 'link key', title: name }, name);
  why.addEventListener('click', () => lookUp(hot.range));
  const bar = shape('svg', { class: 'bar', viewBox: '0 0 100 10', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    shape('rect', { class: 'track', width: 100, height: 10 }), shape('rect', { class: 'load', height: 10 }));
  return element('li', {}, why, bar, element('span', { className: 'rate number' }), element('span', { className: 'owners' }));
}

/** Connects the slider and its button. */
export function listenForBands() {
  byId('band').addEventListener('input', describe);
  byId('band-why').addEventListener('click', explainBand);
}
