"use strict";
const comparisons = JSON.parse(document.getElementById("figures").textContent);
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

// ---- figures ----
const FIGURES = [
  ["Rest (1.0 is perfect)", [
    ["mean", "mean_rest", 3, "The hottest remaining pod over the remaining mean, on average"],
    ["p99", "p99_rest", 3, "The same in the 99th of a hundred ticks"],
    ["worst", "max_rest", 3, "The same at its worst"]]],
  ["Hottest pod", [["\u00d7 mean", "mean_over_mean", 3, "The hottest pod over the mean of all pods, on average"]]],
  ["Load moved an hour (1 = all load once)", [
    ["forced", "forced_per_h", 3, "In ticks in which pods joined or left"],
    ["needed", "needed_per_h", 3, "Made necessary by pods that joined and left"],
    ["voluntary", "voluntary_per_h", 3, "In all other ticks"]]],
  ["Load moved at once", [
    ["1st minute", "first_minute", 3, "While settling in"],
    ["largest", "max_round_moved", 3, "In one tick in which no pod joined or left"]]],
  ["Ticks", [
    ["over band", "over_band_ticks", 0, "Ticks in which some pod exceeded its attainable load by more than the tolerance"],
    ["uncovered", "uncovered", 0, "Ticks in which some key had no live owner: must be 0"]]],
  ["Time to decide", [["mean ms", "decide_ms_mean", 1, "On average, on the machine that rendered this page"],
    ["p99 ms", "decide_ms_p99", 1, "The 99th of a hundred"]]],
];
/** Figures without a best value: needed is the same for all, and a placement that ignores load decides fast. */
const NOT_JUDGED = new Set(["needed_per_h", "decide_ms_mean", "decide_ms_p99"]);

function figuresTable(comparison) {
  const kinds = html("tr", {}, html("th")), names = html("tr", {}, html("th", {}, "balancer")), body = html("tbody");
  for (const [kind, columns] of FIGURES) {
    kinds.append(html("th", { colspan: columns.length }, kind));
    for (const [name, , , title] of columns) names.append(html("th", { title }, name));
  }
  const columns = FIGURES.flatMap(([, columns]) => columns);
  // A simulated cluster counts moves and failures when it detects them, so its figures are shown but not compared.
  const balancers = comparison.runs.filter(run => run.summary.decisions > 0);
  const best = Object.fromEntries(columns.map(([, key]) => [key, Math.min(...balancers.map(run => run.summary[key]))]));
  const worst = Object.fromEntries(columns.map(([, key]) => [key, Math.max(...balancers.map(run => run.summary[key]))]));
  for (const run of comparison.runs) {
    const row = html("tr", {}, html("th", { scope: "row" }, run.balancer));
    for (const [, key, places] of columns) {
      const value = run.summary[key];
      const isBest = balancers.includes(run) && !NOT_JUDGED.has(key) && value === best[key] && best[key] < worst[key];
      const isBad = key === "uncovered" && value > 0;
      row.append(html("td", isBad ? { class: "bad" } : isBest ? { class: "best" } : {}, key.startsWith("decide") && !run.summary.decisions ? "\u2013" : value.toFixed(places)));
    }
    body.append(row);
  }
  return html("div", { class: "table" }, html("table", {}, html("thead", {}, kinds, names), body));
}

function definitions(comparison) {
  const list = html("dl");
  const define = (term, text) => list.append(html("dt", {}, term), html("dd", {}, text));
  define("rest", "hottest pod over the mean, without the keys that are too hot for the replicas they may have, and without the pods of those");
  define("forced, voluntary", "share of all load whose keys lost an owner, summed per hour; forced in ticks in which pods joined or left");
  define("needed", "in each such tick the larger of the load whose owner left and the fraction of joining pods among all pods");
  define("largest", "largest share moved in one tick without pod changes, after the first tick");
  define("over band", `ticks in which some pod was more than ${percent(comparison.tolerance)} (of capacity, or of the mean where that is larger) above its attainable load: the remaining mean, or its part of a hot key shared by as many replicas as allowed`);
  define("settling in", "the first minute counts only in 1st minute, largest and uncovered");
  return html("details", {}, html("summary", {}, "What the figures mean"), list);
}

// ---- plots ----
const W = 400, H = 222, LEFT = 34, RIGHT = 8, TOP = 18, BOTTOM = 34;
const plotWidth = W - LEFT - RIGHT, plotHeight = H - TOP - BOTTOM;

function timeTicks(endMs) {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400].map(s => s * 1000);
  const step = steps.find(step => endMs / step <= 6.5) || Math.ceil(endMs / 6 / 86400000) * 86400000;
  const [unit, length] = step >= 3600000 ? ["h", 3600000] : step >= 60000 ? ["min", 60000] : ["s", 1000];
  const ticks = [];
  for (let at = 0; at <= endMs; at += step) ticks.push(at);
  return { ticks, label: at => `${+(at / length).toFixed(2)}${at === ticks.at(-1) ? ` ${unit}` : ""}` };
}

/** A plot with axes. `shape` transforms the scale, `marks` are its labelled values. */
function frame(comparison, low, high, marks, format, shape = value => value) {
  const root = svg("svg", { viewBox: `0 0 ${W} ${H}`, role: "img" });
  const x = ms => LEFT + ms / comparison.end_ms * plotWidth;
  const y = value => TOP + plotHeight * (1 - (shape(Math.min(Math.max(value, low), high)) - shape(low)) / (shape(high) - shape(low)));
  const back = root.appendChild(svg("g")), front = root.appendChild(svg("g"));
  for (const value of marks.filter(value => value >= low && value <= high + 1e-9)) {
    front.append(svg("line", { class: value === 1 ? "fair" : "grid", x1: LEFT, x2: W - RIGHT, y1: y(value), y2: y(value) }));
    front.append(svg("text", { x: LEFT - 5, y: y(value) + 4, "text-anchor": "end" }, format(value)));
  }
  drawTimes(root, comparison, x);
  return { root, back, front, x, y };
}
/** Round values from 0 to `high`, about four of them. */
function roundMarks(high) {
  const raw = high / 4, magnitude = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map(factor => factor * magnitude).find(step => step >= raw);
  return Array.from({ length: Math.floor(high / step + 1e-9) + 1 }, (_, place) => +(place * step).toPrecision(6));
}
/** A scale that magnifies values near 1 and compresses larger ones logarithmically. */
const nearOne = value => value < 1 ? (value - 1) * 10 : Math.log(1 + (value - 1) * 10);
const MARKS_NEAR_ONE = [1, 1.1, 1.3, 2, 4, 10, 30, 100, 300, 1000];
function drawTimes(root, comparison, x) {
  const { ticks, label } = timeTicks(comparison.end_ms), bottom = TOP + plotHeight;
  root.append(svg("line", { class: "axis", x1: LEFT, x2: W - RIGHT, y1: bottom, y2: bottom }));
  for (const at of ticks) root.append(svg("text", { x: x(at), y: H - 4, "text-anchor": at ? at === ticks.at(-1) ? "end" : "middle" : "start" }, label(at)));
  const few = comparison.pod_changes.length <= 60;
  for (const change of comparison.pod_changes.filter(change => change.at_ms > 0)) {
    const mark = (kind, sign, lift) => root.append(svg("text", { class: `mark ${kind}`, x: x(change.at_ms), y: bottom + 9 + lift, opacity: few ? 1 : .5 }, sign));
    if (change.crashed) mark("crashed", "\u2715", 0);
    if (change.stopped) mark("stopped", "\u25bc", 0);
    if (change.joined) mark("joined", "\u25b2", change.crashed || change.stopped ? 7 : 0);
  }
}
/** The upper end of the tolerance: a fraction of a pod's capacity, or of the mean where that is larger. */
const toleranceOf = (comparison, curves) => curves.capacity.map(capacity => 1 + comparison.tolerance * Math.max(1, capacity));
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
function line(plot, curves, values, endMs, name) {
  plot.front.append(svg("polyline", { class: name, points: steps(plot, curves, values, endMs).join(" ") }));
}
function note(plot, text, name = "note") {
  plot.front.append(svg("text", { class: name, x: W - RIGHT, y: TOP - 5, "text-anchor": "end" }, text));
}
function noteIfCut(plot, values, high, format) {
  const peak = Math.max(...values);
  if (peak > high) note(plot, `\u2191 up to ${format(peak)}`);
}
const indexAt = (curves, ms) => Math.max(0, curves.at_ms.findLastIndex(at => at <= ms));
const times = value => `${value.toFixed(2)} \u00d7`;

function loadPlot(comparison, run, scale) {
  const { curves } = run, end = comparison.end_ms, plot = frame(comparison, 0, scale.load, roundMarks(scale.load), value => value.toFixed(1));
  area(plot, curves, curves.min, curves.max, end, "all");
  area(plot, curves, curves.p10, curves.p90, end, "most");
  line(plot, curves, curves.max, end, "hot");
  line(plot, curves, curves.capacity.map(capacity => capacity < scale.load ? capacity : NaN), end, "limit");
  noteIfCut(plot, curves.max, scale.load, times);
  return figure("Load per pod", "\u00d7 mean", plot, comparison, ms => {
    const at = indexAt(curves, ms);
    return `hottest  ${times(curves.max[at])}\n90 %     ${times(curves.p90[at])}\n10 %     ${times(curves.p10[at])}\ncoldest  ${times(curves.min[at])}`;
  });
}
const REST_LOW = 0.95;
function restPlot(comparison, run, scale) {
  const { curves } = run, end = comparison.end_ms, plot = frame(comparison, REST_LOW, scale.rest, MARKS_NEAR_ONE, String, nearOne);
  area(plot, curves, curves.at_ms.map(() => REST_LOW), toleranceOf(comparison, curves), end, "tolerance");
  line(plot, curves, curves.max, end, "hot");
  line(plot, curves, curves.rest, end, "rest");
  return figure("Hottest pod and rest", "\u00d7 mean, finer near 1", plot, comparison, ms => {
    const at = indexAt(curves, ms);
    return `hottest  ${times(curves.max[at])}\nrest     ${times(curves.rest[at])}`;
  });
}
function churnPlot(comparison, run, scale) {
  const { curves } = run, plot = frame(comparison, 0, scale.churn, roundMarks(scale.churn), value => `${+(value * 100).toFixed(1)}`);
  const width = Math.max(1.6, curves.point_ms / comparison.end_ms * plotWidth);
  for (const kind of ["forced", "voluntary"]) curves[kind].forEach((share, at) => {
    if (share <= 0) return;
    const y = plot.y(share);
    plot.front.append(svg("rect", { class: share > scale.churn ? `${kind} cut` : kind, x: plot.x(curves.at_ms[at]).toFixed(1), width: width.toFixed(1), y: y.toFixed(1), height: Math.max(.8, TOP + plotHeight - y).toFixed(1) }));
  });
  const sum = values => percent(values.reduce((sum, share) => sum + share, 0));
  note(plot, `total: forced ${sum(curves.forced)}, voluntary ${sum(curves.voluntary)}`, "remark");
  return figure("Load that moved", "% of all load", plot, comparison, ms => {
    const at = indexAt(curves, ms);
    return `forced     ${percent(curves.forced[at])}\nvoluntary  ${percent(curves.voluntary[at])}`;
  });
}
function figure(title, unit, plot, comparison, read) {
  const caption = html("figcaption", {}, `${title} `, html("small", {}, `(${unit})`));
  plot.root.append(svg("title", {}, title));
  watchPointer(plot.root, comparison, read);
  return html("figure", {}, caption, plot.root);
}

// ---- pointer and tooltip ----
function watchPointer(root, comparison, read) {
  const cursor = svg("line", { class: "cursor", y1: TOP, y2: TOP + plotHeight, visibility: "hidden" });
  root.append(cursor);
  comparison.cursors.push(cursor);
  root.querySelector("title")?.remove();
  root.addEventListener("pointermove", event => {
    const box = root.getBoundingClientRect(), at = (event.clientX - box.left) / box.width * W;
    if (at < LEFT || at > W - RIGHT) return hideTip(comparison);
    for (const other of comparison.cursors) {
      other.setAttribute("x1", at); other.setAttribute("x2", at); other.setAttribute("visibility", "visible");
    }
    const ms = Math.min(comparison.end_ms - 1, (at - LEFT) / plotWidth * comparison.end_ms);
    showTip(event, `${clock(ms)}\n${read(ms)}`);
  });
  root.addEventListener("pointerleave", () => hideTip(comparison));
}
function showTip(event, text) {
  tip.textContent = text;
  tip.hidden = false;
  const x = event.clientX + 14, y = event.clientY + 14;
  tip.style.left = `${Math.min(x, innerWidth - tip.offsetWidth - 8)}px`;
  tip.style.top = `${Math.min(y, innerHeight - tip.offsetHeight - 8)}px`;
}
function hideTip(comparison) {
  tip.hidden = true;
  for (const cursor of comparison.cursors) cursor.setAttribute("visibility", "hidden");
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
function bandsPlot(comparison, run) {
  const { bands } = run, rows = ownersByRow(bands);
  const canvas = html("canvas", { width: bands.columns, height: rows.length }), context = canvas.getContext("2d");
  const image = context.createImageData(bands.columns, rows.length);
  rows.forEach((row, y) => row.forEach((pod, x) => image.data.set([...colour(pod), 255], 4 * (y * bands.columns + x))));
  context.putImageData(image, 0, 0);
  const root = svg("svg", { viewBox: `0 0 ${W} ${H}`, role: "img" });
  const y = ms => TOP + ms / comparison.end_ms * plotHeight;
  root.append(svg("image", { href: canvas.toDataURL(), x: LEFT, y: TOP, width: plotWidth, height: plotHeight, preserveAspectRatio: "none", style: "image-rendering: pixelated" }));
  const { ticks, label } = timeTicks(comparison.end_ms);
  for (const at of ticks) root.append(svg("text", { x: LEFT - 5, y: y(at) + (at ? at === comparison.end_ms ? 0 : 4 : 9), "text-anchor": "end" }, label(at).replace(/ .*/, "")));
  for (const [share, text, anchor] of [[0, "first key", "start"], [.5, `key space, sampled at ${bands.columns} keys \u2192`, "middle"], [1, "last key", "end"]])
    root.append(svg("text", { x: LEFT + share * plotWidth, y: TOP + plotHeight + 14, "text-anchor": anchor }, text));
  root.addEventListener("pointermove", event => {
    const box = root.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width * W - LEFT) / plotWidth * bands.columns);
    const row = Math.floor(((event.clientY - box.top) / box.height * H - TOP) / plotHeight * rows.length);
    const pod = rows[row]?.[column];
    if (pod === undefined) return hideTip(comparison);
    const key = (column + .5) / bands.columns;
    showTip(event, `${clock(row * bands.row_ms)}\n${comparison.pods[pod] ?? "no pod"} owns keys around ${Math.floor(key * 65536).toString(16).padStart(4, "0")}\u2026`);
  });
  root.addEventListener("pointerleave", () => hideTip(comparison));
  const unit = timeTicks(comparison.end_ms).label(timeTicks(comparison.end_ms).ticks.at(-1)).split(" ")[1];
  return html("figure", {}, html("figcaption", {}, "Who owns which keys ", html("small", {}, `(${unit} from top to bottom)`)), root);
}

// ---- the page ----
/** The same scales for all balancers of a trace, so that their plots are comparable. */
function scales(comparison) {
  const most = pick => Math.max(...comparison.runs.map(run => Math.max(...pick(run.curves))));
  const load = Math.min(Math.max(most(curves => curves.max) * 1.05, 1.5), 3);
  const tolerance = Math.max(...toleranceOf(comparison, comparison.runs[0].curves)) - 1;
  return {
    load, rest: Math.max(most(curves => curves.rest), most(curves => curves.max), 1 + 2 * tolerance),
    churn: Math.min(0.3, Math.max(most(curves => curves.forced), most(curves => curves.voluntary), 0.02) * 1.05),
  };
}
function meanLoad(comparison) {
  const { capacity } = comparison.runs[0].curves;
  return capacity.reduce((sum, capacity) => sum + comparison.max_load_hint / capacity, 0) / capacity.length;
}
function section(comparison) {
  comparison.cursors = [];
  const scale = scales(comparison), part = html("section", {}, html("h2", {}, comparison.title));
  part.append(html("p", { class: "facts" }, [
    `${group(comparison.pods.length)} pods in total`, `${group(comparison.key_count)} keys`, duration(comparison.end_ms),
    `one decision every ${duration(comparison.decide_every_ms).replace("1 minutes", "minute")}`,
    `capacity of a pod ${group(comparison.max_load_hint)} units a second, mean load ${group(Math.round(meanLoad(comparison)))}`,
    comparison.max_replicas > 1 ? `${comparison.min_replicas} to ${comparison.max_replicas} owners a key` : "one owner a key",
  ].join(" \u00b7 ")));
  part.append(figuresTable(comparison), definitions(comparison));
  for (const run of comparison.runs) {
    const plots = html("div", { class: "plots" }, loadPlot(comparison, run, scale), restPlot(comparison, run, scale),
      churnPlot(comparison, run, scale), bandsPlot(comparison, run));
    part.append(html("div", { class: "run" }, html("h3", {}, run.balancer), html("span", { class: "about" }, run.about), plots));
  }
  return part;
}
for (const comparison of comparisons) document.getElementById("traces").append(section(comparison));
