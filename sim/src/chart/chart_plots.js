
// ---- the plots of a run ----
const { curves, notes, pods } = figures, END = figures.end_ms, TOTAL = 1e6;
/** Time and text of each note; times in milliseconds with fractions. */
const NOTES = notes.map(([micros, kind, text, details]) => ({ ms: micros / 1000, kind, text, details }));
const KINDS = {
  violation: ["\u2716", "violations"], fault: ["\u2715", "faults"], outage: ["\u25cf", "outages"], alarm: ["!", "alarms"],
  load: ["\u25c6", "load"], operator: ["\u25a0", "operator"], pod: ["\u25b4", "pods"], decision: ["\u25ae", "decisions"],
};
const EVENT_ROWS = ["violation", "fault", "outage", "alarm", "load", "operator", "pod", "decision"].filter(kind => NOTES.some(note => note.kind === kind));
const CAUSES = {
  missing: "without owner", replaced: "to successors", draining: "off draining pods", pinned: "to pinned pods", memory: "for memory",
  hot: "to share hot keys", joined: "to new pods", imbalance: "for balance", merged: "for merges",
};
const units = milli => milli === null ? "\u2013" : group(Math.round(milli / 1000));
const part = millionths => `${(millionths / 1e4).toFixed(millionths > 0 && millionths < 1e5 ? 2 : 1)} %`;
const exact = ms => `${Math.floor(ms / 60000)}:${(Math.floor(ms) / 1000 % 60).toFixed(3).padStart(6, "0")}`;
const most = (values, from = 0) => values.reduce((most, value, at) => curves.at_ms[at] >= from ? Math.max(most, value) : most, 0);
const pointAt = ms => Math.min(curves.at_ms.length - 1, Math.floor(ms / curves.point_ms));
/** Scales leave out the first owners, which get all load at once. */
const SETTLED = figures.watch_from_ms || 2000 + (NOTES.find(note => note.kind === "decision")?.ms ?? 0);
const LEFT_MARGIN = 46;
const sizeOf = (width, height) => plotSize(width, height, { LEFT: LEFT_MARGIN, TOP: 6, BOTTOM: 20 });

/** A plot with a caption. Each entry of `legend` is a colour, a name and a function of the point at the cursor. */
function captioned(title, unit, plot, legend) {
  const values = legend.map(([colour, name, read]) => {
    const output = html("output"), mark = colour ? [html("i", { style: `background: var(--${colour})` })] : [];
    return { read, output, label: html("span", {}, ...mark, `${name} `, output) };
  });
  const caption = html("figcaption", {}, html("span", { style: "font-weight: 600; color: var(--ink)" }, title), html("small", {}, unit), ...values.map(value => value.label));
  plot.root.setAttribute("aria-label", title);
  for (const note of NOTES.filter(note => note.kind === "fault" || note.kind === "violation"))
    plot.back.append(svg("line", { class: "event", x1: plot.x(note.ms), x2: plot.x(note.ms), y1: plot.size.TOP, y2: plot.size.TOP + plot.size.plotHeight }));
  const read = point => { for (const value of values) value.output.textContent = value.read(point); };
  return { figure: html("figure", {}, caption, plot.root), plot, read };
}
function loadPlot(width) {
  const high = Math.max(most(curves.highest, SETTLED), most(curves.limit, SETTLED)) * 1.05 || 1;
  const plot = frame(sizeOf(width, 210), END, 0, high, roundMarks(high / 1000).map(mark => mark * 1000), units);
  area(plot, curves, curves.mean, curves.limit, END, "band");
  const lines = curves.pods.length ? pods : [];
  lines.forEach((_, pod) => line(plot, curves, curves.pods.map(loads => loads[pod] ?? NaN), END, "pod"));
  if (!lines.length) area(plot, curves, curves.lowest, curves.highest, END, "all");
  line(plot, curves, curves.highest, END, "highest");
  line(plot, curves, curves.mean, END, "mean");
  const capacity = figures.capacity < high ? [["limit", "capacity", () => units(figures.capacity)]] : [];
  if (capacity.length) line(plot, curves, curves.at_ms.map(() => figures.capacity), END, "limit");
  const hottest = point => {
    const loads = curves.pods[point] ?? [], at = loads.reduce((best, load, pod) => load !== null && load > (loads[best] ?? -1) ? pod : best, -1);
    return at < 0 ? units(curves.highest[point]) : `${units(curves.highest[point])} (${pods[at]})`;
  };
  return captioned("Load of pods", "units a second, by weight", plot, [
    ["hot", "hottest", hottest], ["mean", "mean", point => units(curves.mean[point])], ["band", "tolerance up to", point => units(curves.limit[point])],
    ["pod", "coldest", point => units(curves.lowest[point])], ...capacity, ["", "pods", point => group(curves.pod_count[point])]]);
}
function lostPlot(width) {
  const settled = most(curves.unanswered, SETTLED), high = Math.max(settled * 1.1, 10000);
  const plot = frame(sizeOf(width, 96), END, 0, high, roundMarks(high / 1e4).map(mark => mark * 1e4), value => `${value / 1e4}`);
  const from = curves.at_ms.map(() => 0);
  area(plot, curves, from, curves.unanswered, END, "lost");
  return captioned("Requests without a pod", "% of all load", plot, [
    ["lost", "load", point => part(curves.unanswered[point])], ["", "keys", point => group(curves.unanswered_keys[point])]]);
}
function warmPlot(width) {
  const least = curves.warm.reduce((least, value, at) => curves.at_ms[at] >= SETTLED ? Math.min(least, value) : least, TOTAL);
  const low = Math.max(0, Math.min(900000, Math.floor(least / 1e5) * 1e5)), step = (TOTAL - low) / 2;
  const plot = frame(sizeOf(width, 110), END, low, TOTAL, [low, low + step, TOTAL], value => `${value / 1e4}`);
  line(plot, curves, curves.warm, END, "warm");
  return captioned("Warm share", "% of all load", plot, [["warm", "warm", point => part(curves.warm[point])], ["", "least", () => part(least)]]);
}
function handoffPlot(width) {
  const high = Math.max(most(curves.warming), most(curves.leaving), most(curves.missing_owners, SETTLED), 4) * 1.05;
  const plot = frame(sizeOf(width, 110), END, 0, high, roundMarks(high).filter(Number.isInteger), group);
  line(plot, curves, curves.leaving, END, "leaving");
  line(plot, curves, curves.warming, END, "warming");
  line(plot, curves, curves.missing_owners, END, "owners");
  return captioned("Handoffs", "slices", plot, [["warming", "warming", point => group(curves.warming[point])],
    ["leaving", "leaving", point => group(curves.leaving[point])], ["lost", "owners missing", point => group(curves.missing_owners[point])]]);
}
function movesPlot(width) {
  const byCause = Object.keys(CAUSES).map(cause => {
    const shares = curves.at_ms.map(() => 0), counts = curves.at_ms.map(() => 0);
    for (const [point, of, count, share] of curves.moves) if (of === cause) { shares[point] += share; counts[point] += count; }
    return { cause, shares, counts, total: counts.reduce((sum, count) => sum + count, 0) };
  }).filter(({ total }) => total);
  const sums = curves.at_ms.map((_, at) => byCause.reduce((sum, { shares }) => sum + shares[at], 0));
  const high = Math.max(most(sums, SETTLED) * 1.1, 10000);
  const plot = frame(sizeOf(width, 120), END, 0, high, roundMarks(high / 1e4).map(mark => mark * 1e4), value => `${value / 1e4}`), below = [];
  for (const { cause, shares } of byCause) bars(plot, curves, shares, END, `c-${cause}`, below);
  for (const { cause } of byCause) plot.root.querySelectorAll(`.c-${cause}`).forEach(bar => { bar.style.fill = `var(--c-${cause})`; });
  return captioned("Moves by cause", "% of all load", plot, byCause.map(({ cause, shares, counts, total }) =>
    [`c-${cause}`, CAUSES[cause], point => counts[point] ? `${counts[point]} (${part(shares[point])})` : `0 of ${group(total)}`]));
}
function churnPlot(width) {
  const sums = curves.forced.map((forced, at) => forced + curves.voluntary[at]), high = Math.max(most(sums, SETTLED) * 1.1, 10000);
  const plot = frame(sizeOf(width, 110), END, 0, high, roundMarks(high / 1e4).map(mark => mark * 1e4), value => `${value / 1e4}`), below = [];
  for (const kind of ["forced", "voluntary"]) bars(plot, curves, curves[kind], END, kind, below);
  const upTo = (values, point) => part(values.slice(0, point + 1).reduce((sum, share) => sum + share, 0));
  return captioned("Churn", "% of all load; sums up to the cursor", plot, [["forced", "owner left", point => upTo(curves.forced, point)],
    ["c-imbalance", "owner stayed", point => upTo(curves.voluntary, point)]]);
}
function ownersPlot(width) {
  const { bands } = figures, rows = ownersByRow(bands), size = sizeOf(width, 200), NO_POD = 2 ** 32 - 1;
  const canvas = html("canvas", { width: rows.length, height: bands.columns }), context = canvas.getContext("2d");
  const image = context.createImageData(rows.length, bands.columns);
  rows.forEach((row, x) => row.forEach((pod, column) => {
    image.data.set([...(pod === NO_POD ? [0, 0, 0] : colour(pod)), 255], 4 * ((bands.columns - 1 - column) * rows.length + x));
  }));
  context.putImageData(image, 0, 0);
  const plot = frame(size, END, 0, 1, [0, 1], value => value ? "last" : "first");
  const shown = Math.min(1, rows.length * bands.row_ms / END) * size.plotWidth;
  plot.back.append(svg("image", { href: canvas.toDataURL(), x: size.LEFT, y: size.TOP, width: shown, height: size.plotHeight, preserveAspectRatio: "none", style: "image-rendering: pixelated" }));
  return captioned("Who owns which keys", `key space, sampled at ${bands.columns} keys`, plot, []);
}
function eventPlot(width) {
  const row = 15, size = plotSize(width, 26 + row * Math.max(1, EVENT_ROWS.length), { LEFT: LEFT_MARGIN + 24, TOP: 4, BOTTOM: 20 });
  // The same time axis as the other plots; names take the place of their scale.
  const aligned = { ...size, LEFT: LEFT_MARGIN, plotWidth: width - LEFT_MARGIN - size.RIGHT };
  const plot = frame(aligned, END, 0, 1, [], String);
  EVENT_ROWS.forEach((kind, at) => {
    const y = aligned.TOP + row * at + 12;
    plot.front.append(svg("line", { class: "grid", x1: aligned.LEFT, x2: width - aligned.RIGHT, y1: y - 4, y2: y - 4 }));
    plot.front.append(svg("text", { x: aligned.LEFT - 5, y, "text-anchor": "end", style: "font-size: 10px" }, KINDS[kind][1]));
    for (const note of NOTES.filter(note => note.kind === kind)) plot.front.append(svg("text", { class: `sign k-${kind}`, x: plot.x(note.ms).toFixed(1), y }, KINDS[kind][0]));
  });
  return captioned("Events", "", plot, []);
}
const PLOTS = [eventPlot, loadPlot, lostPlot, warmPlot, handoffPlot, movesPlot, churnPlot, ownersPlot];
