"use strict";
const figures = JSON.parse(document.getElementById("figures").textContent);
const tip = document.getElementById("tip");

// ---- helpers for elements and text ----
const SVG = "http://www.w3.org/2000/svg";
function html(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}
function svg(name, attributes = {}, text = "") {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.textContent = text;
  return element;
}
const group = number => Number(number).toLocaleString("en-US");
const percent = share => `${(share * 100).toFixed(share < 0.0995 ? 1 : 0)} %`;
function clock(ms) {
  const seconds = Math.round(ms / 1000), pad = part => String(part).padStart(2, "0");
  return `${Math.floor(seconds / 3600)}:${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)}`;
}
function duration(ms) {
  const minutes = ms / 60000;
  return minutes >= 120 ? `${+(minutes / 60).toFixed(1)} hours` : minutes >= 1 ? `${+minutes.toFixed(1)} minutes` : `${ms / 1000} seconds`;
}

// ---- plots ----
/** The size of a plot and its margins, in pixels of its view box. */
function plotSize(W, H, margins) {
  const size = { W, H, LEFT: 34, RIGHT: 8, TOP: 18, BOTTOM: 34, ...margins };
  return { ...size, plotWidth: size.W - size.LEFT - size.RIGHT, plotHeight: size.H - size.TOP - size.BOTTOM };
}

function timeTicks(endMs) {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400].map(s => s * 1000);
  const step = steps.find(step => endMs / step <= 6.5) || Math.ceil(endMs / 6 / 86400000) * 86400000;
  const [unit, length] = step >= 3600000 ? ["h", 3600000] : step >= 60000 ? ["min", 60000] : ["s", 1000];
  const ticks = [];
  for (let at = 0; at <= endMs; at += step) ticks.push(at);
  return { ticks, label: at => `${+(at / length).toFixed(2)}${at === ticks.at(-1) ? ` ${unit}` : ""}` };
}

/** A plot with axes over the time from 0 to `endMs`. `shape` transforms the scale, `marks` are its labelled values. */
function frame(size, endMs, low, high, marks, format, shape = value => value) {
  const { W, H, LEFT, RIGHT, TOP, plotWidth, plotHeight } = size;
  const root = svg("svg", { viewBox: `0 0 ${W} ${H}`, role: "img" });
  const x = ms => LEFT + ms / endMs * plotWidth;
  const y = value => TOP + plotHeight * (1 - (shape(Math.min(Math.max(value, low), high)) - shape(low)) / (shape(high) - shape(low)));
  const back = root.appendChild(svg("g")), front = root.appendChild(svg("g"));
  for (const value of marks.filter(value => value >= low && value <= high + 1e-9)) {
    front.append(svg("line", { class: value === 1 ? "fair" : "grid", x1: LEFT, x2: W - RIGHT, y1: y(value), y2: y(value) }));
    front.append(svg("text", { x: LEFT - 5, y: y(value) + 4, "text-anchor": "end" }, format(value)));
  }
  drawTimes(root, size, endMs, x);
  return { root, back, front, x, y, size, high };
}
/** Round values from 0 to `high`, about four of them. */
function roundMarks(high) {
  const raw = high / 4, magnitude = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map(factor => factor * magnitude).find(step => step >= raw);
  return Array.from({ length: Math.floor(high / step + 1e-9) + 1 }, (_, place) => +(place * step).toPrecision(6));
}
function drawTimes(root, { W, H, LEFT, RIGHT, TOP, plotHeight }, endMs, x) {
  const { ticks, label } = timeTicks(endMs), bottom = TOP + plotHeight;
  root.append(svg("line", { class: "axis", x1: LEFT, x2: W - RIGHT, y1: bottom, y2: bottom }));
  for (const at of ticks) root.append(svg("text", { x: x(at), y: H - 4, "text-anchor": at ? at === ticks.at(-1) ? "end" : "middle" : "start" }, label(at)));
}
/** Points of a curve as steps: a value holds until the next one; NaN is skipped. */
function steps(plot, curves, values, endMs) {
  return values.flatMap((value, at) => {
    if (Number.isNaN(value)) return [];
    const until = at + 1 < values.length ? curves.at_ms[at + 1] : endMs;
    return [`${plot.x(curves.at_ms[at]).toFixed(1)},${plot.y(value).toFixed(1)}`, `${plot.x(until).toFixed(1)},${plot.y(value).toFixed(1)}`];
  });
}
function area(plot, curves, low, high, endMs, name) {
  const points = steps(plot, curves, high, endMs).concat(steps(plot, curves, low, endMs).reverse());
  plot.back.append(svg("polygon", { class: name, points: points.join(" ") }));
}
/** A line with a gap where values are NaN. */
function line(plot, curves, values, endMs, name) {
  for (let from = 0; from < values.length; from++) {
    if (Number.isNaN(values[from])) continue;
    let until = from;
    while (until < values.length && !Number.isNaN(values[until])) until++;
    const shown = values.map((value, at) => from <= at && at < until ? value : NaN);
    plot.front.append(svg("polyline", { class: name, points: steps(plot, curves, shown, endMs).join(" ") }));
    from = until;
  }
}
/** Bars of what was added up in each point. Those of one plot that share `below` are stacked. */
function bars(plot, curves, values, endMs, name, below = []) {
  const width = Math.max(1.6, curves.point_ms / endMs * plot.size.plotWidth);
  values.forEach((value, at) => {
    if (value <= 0) return;
    const from = below[at] ?? 0, y = plot.y(from + value), bottom = plot.y(from);
    below[at] = from + value;
    plot.front.append(svg("rect", { class: from + value > plot.high ? `${name} cut` : name, x: plot.x(curves.at_ms[at]).toFixed(1), width: width.toFixed(1), y: y.toFixed(1), height: Math.max(.8, bottom - y).toFixed(1) }));
  });
}
function note(plot, text, name = "note") {
  plot.front.append(svg("text", { class: name, x: plot.size.W - plot.size.RIGHT, y: plot.size.TOP - 5, "text-anchor": "end" }, text));
}
function noteIfCut(plot, values, high, format) {
  const peak = Math.max(...values);
  if (peak > high) note(plot, `\u2191 up to ${format(peak)}`);
}
const indexAt = (curves, ms) => Math.max(0, curves.at_ms.findLastIndex(at => at <= ms));
const times = value => `${value.toFixed(2)} \u00d7`;

function showTip(event, text) {
  tip.textContent = text;
  tip.hidden = false;
  const x = event.clientX + 14, y = event.clientY + 14;
  tip.style.left = `${Math.min(x, innerWidth - tip.offsetWidth - 8)}px`;
  tip.style.top = `${Math.min(y, innerHeight - tip.offsetHeight - 8)}px`;
}

// ---- who owns which keys ----
/** Hues a golden angle apart, so that consecutive pods differ; muted, so that a thousand of them stay readable. */
function colour(pod) {
  const hue = (pod * 137.508 + 210) % 360, lightness = 0.48 + (pod * 7 % 5) * 0.055, chroma = 0.42 * Math.min(lightness, 1 - lightness);
  const part = offset => {
    const turn = (offset + hue / 30) % 12;
    return Math.round(255 * (lightness - chroma * Math.max(-1, Math.min(turn - 3, 9 - turn, 1))));
  };
  return [part(0), part(8), part(4)];
}
function ownersByRow(bands) {
  const rows = [];
  let row = bands.first.slice(), change = 0;
  for (let at = 0; at < bands.row_count; at++) {
    for (; change < bands.changes.length && bands.changes[change] <= at; change += 3) row[bands.changes[change + 1]] = bands.changes[change + 2];
    rows.push(row.slice());
  }
  return rows;
}
