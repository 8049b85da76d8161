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
const SIZE = plotSize(400, 222), { W, H, LEFT, RIGHT, TOP, plotWidth, plotHeight } = SIZE;

/** A scale that magnifies values near 1 and compresses larger ones logarithmically. */
const nearOne = value => value < 1 ? (value - 1) * 10 : Math.log(1 + (value - 1) * 10);
const MARKS_NEAR_ONE = [1, 1.1, 1.3, 2, 4, 10, 30, 100, 300, 1000];
/** Marks below the axis where pods join, stop and crash. */
function drawPodChanges(plot, comparison) {
  const bottom = TOP + plotHeight, { root, x } = plot;
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
function loadPlot(comparison, run, scale) {
  const { curves } = run, end = comparison.end_ms, plot = frame(SIZE, comparison.end_ms, 0, scale.load, roundMarks(scale.load), value => value.toFixed(1));
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
  const { curves } = run, end = comparison.end_ms, plot = frame(SIZE, comparison.end_ms, REST_LOW, scale.rest, MARKS_NEAR_ONE, String, nearOne);
  area(plot, curves, curves.at_ms.map(() => REST_LOW), toleranceOf(comparison, curves), end, "tolerance");
  line(plot, curves, curves.max, end, "hot");
  line(plot, curves, curves.rest, end, "rest");
  return figure("Hottest pod and rest", "\u00d7 mean, finer near 1", plot, comparison, ms => {
    const at = indexAt(curves, ms);
    return `hottest  ${times(curves.max[at])}\nrest     ${times(curves.rest[at])}`;
  });
}
function churnPlot(comparison, run, scale) {
  const { curves } = run, plot = frame(SIZE, comparison.end_ms, 0, scale.churn, roundMarks(scale.churn), value => `${+(value * 100).toFixed(1)}`);
  for (const kind of ["forced", "voluntary"]) bars(plot, curves, curves[kind], comparison.end_ms, kind);
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
  drawPodChanges(plot, comparison);
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
function hideTip(comparison) {
  tip.hidden = true;
  for (const cursor of comparison.cursors) cursor.setAttribute("visibility", "hidden");
}

// ---- who owns which keys ----
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
for (const comparison of figures) document.getElementById("traces").append(section(comparison));
