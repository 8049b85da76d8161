// The last hour: how even the load was, how much of it moved, how many slices were moving.

import { byId, element, setText, shape } from './elements.js';
import { count, duration, percent, times } from './quantities.js';

/** A young history is drawn wider. */
const SPANS_MS = [600_000, 1_800_000, 3_600_000];
const SAMPLE_MS = 10_000;
const HEIGHT = 40;

let span = SPANS_MS[0];
const place = (sample) => span - sample.age_ms;

export function showHistory(samples) {
  const oldest = samples[0]?.age_ms ?? 0;
  span = SPANS_MS.find((wide) => wide >= oldest) ?? SPANS_MS.at(-1);
  setText(byId('history-summary'), samples.length === 0 ? 'the first sample follows within ten seconds'
    : `a sample every 10 s for ${duration(oldest)}, since this member observes`);
  byId('history').replaceChildren(balance(samples), churn(samples), moving(samples));
}

function balance(samples) {
  const known = samples.filter((sample) => sample.balance_thousandths !== null);
  const most = Math.max(1500, ...known.map((sample) => sample.balance_thousandths));
  const y = (thousandths) => HEIGHT - ((thousandths - 1000) / (most - 1000)) * HEIGHT;
  const points = known.map((sample) => `${place(sample)},${y(Math.max(1000, sample.balance_thousandths)).toFixed(2)}`);
  const newest = known.at(-1);
  return chart('Balance: most loaded pod to mean', newest ? times(newest.balance_thousandths) : 'no load', times(most), times(1000),
    [shape('polyline', { class: 'line', points: points.join(' ') })]);
}

function churn(samples) {
  const sum = (sample) => sample.forced_millionths + sample.voluntary_millionths;
  const most = Math.max(10_000, ...samples.map(sum));
  const bars = samples.filter((sample) => sum(sample) > 0).flatMap((sample) => {
    const forced = (sample.forced_millionths / most) * HEIGHT;
    const all = (sum(sample) / most) * HEIGHT;
    const x = { x: place(sample) - SAMPLE_MS, width: SAMPLE_MS * 1.2 };
    return [shape('rect', { class: 'voluntary', ...x, y: HEIGHT - all, height: all - forced }),
      shape('rect', { class: 'forced', ...x, y: HEIGHT - forced, height: forced })];
  });
  const total = samples.reduce((all, sample) => all + sum(sample), 0);
  return chart('Churn: load that got another owner', `${percent(total / 1000)} in all`, `${percent(most / 1000)} in 10 s`, '0 %', bars);
}

function moving(samples) {
  const most = Math.max(4, ...samples.map((sample) => sample.moving_count));
  const bars = samples.filter((sample) => sample.moving_count > 0).map((sample) => {
    const height = (sample.moving_count / most) * HEIGHT;
    return shape('rect', { class: 'forced', x: place(sample) - SAMPLE_MS, width: SAMPLE_MS * 1.2, y: HEIGHT - height, height });
  });
  return chart('Slices that were warming', `${count(samples.at(-1)?.moving_count ?? 0)} now`, count(most), '0', bars);
}

function chart(title, now, top, bottom, shapes) {
  const drawn = shape('svg', { viewBox: `0 0 ${span} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': `${title}: ${now}` },
    shape('rect', { class: 'track', width: span, height: HEIGHT }), ...shapes);
  return element('figure', {},
    element('figcaption', {}, title, element('strong', {}, now)),
    element('div', { className: 'plot' }, drawn, element('span', { className: 'top' }, top), element('span', { className: 'bottom' }, bottom)),
    element('p', { className: 'axis' }, element('span', {}, `${span / 60_000} min ago`), element('span', {}, 'now')));
}
