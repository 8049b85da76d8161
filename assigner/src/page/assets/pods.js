// The pods: state, load against the mean, slices, memory. Many pods are searched and read in pages.

import { askDrain } from './commands.js';
import { byId, element, reconcile, setText, shape } from './elements.js';
import { lookUp } from './lookup.js';
import { follow, paint, swatch } from './owners.js';
import { count, counted, percent, perSecond, size, times } from './quantities.js';

const PAGE_SIZE = 200;
const REFRESH_MS = 2_000;
/** With more pods, a histogram shows all of them. */
const HISTOGRAM_MIN = 25;

const page = { target: '', offset: 0, search: '', fetchedAt: 0, answer: null };

export function showPods(target, mayCommand) {
  if (page.target !== target.name) Object.assign(page, { target: target.name, offset: 0, search: '', answer: null });
  const { pods, load } = target;
  follow(pods.rows.map((row) => row.name).sort(byName.compare));
  setText(byId('pods-summary'), [
    counted(pods.count, 'pod'),
    `${perSecond(load.total_milli)} in total`,
    load.mean_milli === null ? 'no load' : `${perSecond(load.mean_milli)} is the mean`,
  ].join(', '));
  showHistogram(pods);
  byId('pods-search').hidden = pods.count <= PAGE_SIZE;
  const isPaged = page.search !== '' || page.offset > 0;
  if (isPaged) refresh();
  const shown = isPaged && page.answer ? page.answer : { count: pods.count, offset: 0, rows: pods.rows };
  const rows = pods.count <= HISTOGRAM_MIN * 2 ? [...shown.rows].sort((a, b) => byName.compare(a.name, b.name)) : shown.rows;
  showRange(shown);
  showRows(rows, load, mayCommand);
}

const byName = new Intl.Collator('en', { numeric: true });

function showRows(rows, load, mayCommand) {
  const scale = Math.max(1, ...rows.map((row) => Math.max(row.load_milli, row.planned_load_milli ?? 0)), (load.mean_milli ?? 0) * 1.25);
  byId('pods').classList.toggle('with-actions', mayCommand);
  reconcile(byId('pods').tBodies[0], rows, (row) => row.name, newRow, (line, row) => {
    paint(line.querySelector('.swatch'), row.name);
    const [, state, load_, mean, slices, memory, actions] = line.children;
    showState(state, row);
    showBar(load_, row, scale, load.mean_milli);
    setText(mean, row.relative_thousandths === null ? '–' : times(row.relative_thousandths));
    setText(slices, slicesText(row));
    setText(memory, row.memory_capacity_bytes === null
      ? size(row.memory_bytes) : `${size(row.memory_bytes)} of ${size(row.memory_capacity_bytes)}`);
    actions.firstElementChild.hidden = !mayCommand;
    actions.firstElementChild.disabled = row.is_draining;
  });
}

function newRow({ name, address, zone }) {
  const drain = element('button', { type: 'button', className: 'drain' }, 'Drain');
  drain.setAttribute('aria-label', `Drain ${name}`);
  drain.addEventListener('click', () => askDrain(name));
  const why = element('button', { type: 'button', className: 'link', title: [address, zone].filter(Boolean).join(', ') }, name);
  why.addEventListener('click', () => lookUp(name));
  const bar = shape('svg', { class: 'bar', viewBox: '0 0 100 10', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    shape('rect', { class: 'track', width: 100, height: 10 }), shape('rect', { class: 'load', height: 10 }),
    shape('rect', { class: 'mean', width: 0.6, height: 10 }));
  const cell = (label, className, ...children) => {
    const made = element('td', { className }, ...children);
    made.dataset.label = label;
    return made;
  };
  return element('tr', {},
    element('th', { scope: 'row' }, swatch(name), ' ', why),
    cell('State', 'state'), cell('Load', 'load', bar, element('span')), cell('of mean', 'number'),
    cell('Slices', 'number'), cell('Memory', 'number'), cell('', 'actions', drain));
}

/** The state in words; a warming pod shows how far it is. */
function showState(cell, row) {
  const isMoving = row.warming_count + row.yielding_count > 0;
  const parts = [row.condition];
  if (row.warming_count > 0) parts.push(`warming ${row.warm_share_thousandths === null ? '' : percent(row.warm_share_thousandths)}`.trim());
  if (row.yielding_count > 0) parts.push('yielding');
  setText(cell, parts.join(', '));
  cell.className = `state ${row.condition} ${row.condition === 'ready' && isMoving ? 'moving' : ''}`.trim();
}

function showBar(cell, row, scale, mean) {
  const [, load, marker] = cell.querySelector('svg').children;
  load.setAttribute('width', ((row.load_milli / scale) * 100).toFixed(2));
  marker.setAttribute('x', mean === null ? -10 : ((mean / scale) * 100 - 0.3).toFixed(2));
  const isLarge = row.load_milli * 2 > row.capacity_milli && row.capacity_milli > 0;
  setText(cell.lastElementChild, isLarge
    ? `${perSecond(row.load_milli)} of ${perSecond(row.capacity_milli)}` : perSecond(row.load_milli));
}

function slicesText({ serving_count, warming_count, yielding_count, leaving_count }) {
  const parts = [count(serving_count)];
  if (yielding_count > 0) parts.push(`−${count(yielding_count)}`);
  if (warming_count > 0) parts.push(`+${count(warming_count)}`);
  if (leaving_count > 0) parts.push(`(${count(leaving_count)} leaving)`);
  return parts.join(' ');
}

/** How many pods have how much load, from nothing to 2.5 times the mean. */
function showHistogram({ count: all, histogram }) {
  const place = byId('histogram');
  place.hidden = all < HISTOGRAM_MIN || histogram.length === 0;
  if (place.hidden) return;
  const most = Math.max(1, ...histogram);
  const bars = histogram.map((pods, at) =>
    shape('rect', { x: at + 0.08, width: 0.84, y: 40 - (pods / most) * 40, height: (pods / most) * 40 }));
  const range = (at) => (at === histogram.length - 1 ? `${at / 10}× the mean or more` : `${at / 10}× to ${(at + 1) / 10}× the mean`);
  bars.forEach((bar, at) => bar.append(shape('title', {}, `${counted(histogram[at], 'pod')} with ${range(at)}`)));
  const picture = shape('svg', { viewBox: `0 0 ${histogram.length} 40`, preserveAspectRatio: 'none', role: 'img',
    'aria-label': `Histogram of ${counted(all, 'pod')} by load` }, ...bars,
  shape('rect', { class: 'mean', x: 9.97, width: 0.06, y: 0, height: 40 }));
  place.replaceChildren(picture, element('p', { className: 'axis' }, element('span', {}, 'no load'),
    element('span', {}, 'all pods by load; the line is the mean'), element('span', {}, '2.5× the mean or more')));
}

function showRange({ count: all, offset, rows }) {
  setText(byId('pods-range'), rows.length === 0 ? 'no pod matches' : `${count(offset + 1)} to ${count(offset + rows.length)} of ${count(all)}`);
  byId('pods-back').disabled = offset === 0;
  byId('pods-more').disabled = offset + rows.length >= all;
}

async function refresh(isUrgent = false) {
  if (!isUrgent && performance.now() - page.fetchedAt < REFRESH_MS) return;
  page.fetchedAt = performance.now();
  const { target, search, offset } = page;
  const query = new URLSearchParams({ target, search, offset });
  const response = await fetch(`/api/pods?${query}`).catch(() => null);
  const isWanted = page.target === target && page.search === search && page.offset === offset;
  if (response?.ok && isWanted) page.answer = await response.json();
}

/** Connects the search and the buttons of the pages. */
export function listenForPods() {
  const turn = (pages) => {
    page.offset = Math.max(0, page.offset + pages * PAGE_SIZE);
    page.answer = null;
    refresh(true);
  };
  byId('pods-back').addEventListener('click', () => turn(-1));
  byId('pods-more').addEventListener('click', () => turn(1));
  byId('pod-search').addEventListener('input', (event) => {
    Object.assign(page, { search: event.target.value.trim(), offset: 0, answer: null });
    refresh(true);
  });
}
