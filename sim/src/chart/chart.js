
// ---- cursor ----
const plotsElement = document.getElementById("plots"), nowElement = document.getElementById("now"), listElement = document.getElementById("notes");
let drawn = [], chosenAt, cursorMs = 0;
/** The first event that a reader looks for: the violation, else the first disturbance. */
const FIRST = [["violation"], ["fault", "load"], ["pod"]].map(kinds => NOTES.findIndex(note => kinds.includes(note.kind) && note.ms > 0)).find(at => at >= 0) ?? 0;

function draw() {
  const width = Math.max(280, Math.floor(plotsElement.clientWidth));
  drawn = PLOTS.map(draw => draw(width));
  plotsElement.replaceChildren(...drawn.map(({ figure }) => figure));
  for (const { plot } of drawn) {
    plot.cursor = plot.root.appendChild(svg("line", { class: "cursor", y1: plot.size.TOP, y2: plot.size.TOP + plot.size.plotHeight }));
    const follow = event => {
      const box = plot.root.getBoundingClientRect(), at = (event.clientX - box.left) / box.width * plot.size.W;
      moveTo((at - plot.size.LEFT) / plot.size.plotWidth * END);
    };
    plot.root.addEventListener("pointermove", follow);
    plot.root.addEventListener("pointerdown", follow);
  }
  moveTo(cursorMs, chosenAt);
}
/** The last shown note up to the end of the point at the cursor. */
function noteAt(ms) {
  const end = Math.max(ms, (pointAt(ms) + 1) * curves.point_ms - 0.001);
  return NOTES.findLastIndex(note => note.ms <= end && !hidden.has(note.kind));
}
function moveTo(ms, chosen) {
  [cursorMs, chosenAt] = [Math.min(Math.max(ms, 0), END), chosen];
  const point = pointAt(cursorMs), current = chosen ?? noteAt(cursorMs);
  for (const { plot, read } of drawn) {
    const x = plot.x(cursorMs);
    plot.cursor.setAttribute("x1", x); plot.cursor.setAttribute("x2", x);
    read(point);
  }
  [...listElement.children].forEach((item, at) => {
    item.classList.toggle("past", at < current);
    item.classList.toggle("current", at === current);
  });
  const item = listElement.children[current], note = NOTES[current];
  nowElement.replaceChildren(html("b", {}, exact(cursorMs)), note ? `${note.kind}: ${note.text} (${exact(note.ms)})` : "no event yet");
  if (item && !item.contains(document.activeElement)) {
    const top = item.offsetTop - listElement.offsetTop;
    if (top < listElement.scrollTop || top + item.offsetHeight > listElement.scrollTop + listElement.clientHeight)
      listElement.scrollTop = top - listElement.clientHeight / 2;
  }
}
plotsElement.addEventListener("keydown", event => {
  const step = curves.point_ms * (event.shiftKey ? 10 : 1);
  const to = { ArrowLeft: cursorMs - step, ArrowRight: cursorMs + step, Home: 0, End: END }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  moveTo(to);
});

// ---- timeline ----
const hidden = new Set();
function listNotes() {
  listElement.replaceChildren(...NOTES.map(({ ms, kind, text, details }, at) => {
    const button = html("button", { type: "button" }, html("time", {}, exact(ms)), html("span", { class: `k-${kind}`, "aria-label": kind }, KINDS[kind][0]), html("span", {}, text));
    button.addEventListener("focus", () => moveTo(ms, at));
    button.addEventListener("click", () => moveTo(ms, at));
    const more = details.length ? [html("ul", {}, ...details.map(detail => html("li", {}, detail)))] : [];
    return html("li", {}, button, ...more);
  }));
}
listElement.addEventListener("keydown", event => {
  const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const buttons = [...listElement.querySelectorAll("li:not([hidden]) > button")];
  buttons[buttons.indexOf(document.activeElement) + step]?.focus();
});
function listKinds() {
  const kinds = document.getElementById("kinds");
  for (const kind of EVENT_ROWS) {
    const [sign, name] = KINDS[kind], box = html("input", { type: "checkbox", checked: "" });
    const count = NOTES.filter(note => note.kind === kind).length;
    box.addEventListener("change", () => {
      box.checked ? hidden.delete(kind) : hidden.add(kind);
      [...listElement.children].forEach((item, at) => { item.hidden = hidden.has(NOTES[at].kind); });
      moveTo(cursorMs);
    });
    kinds.append(html("label", {}, box, " ", html("span", { class: `k-${kind}` }, sign), ` ${name} ${count}`));
  }
}

// ---- the page ----
function headings() {
  document.title = `${figures.title} \u00b7 Emberkeep`;
  document.getElementById("title").textContent = figures.title;
  const lead = document.getElementById("lead");
  lead.textContent = figures.lead;
  if (figures.is_violated) lead.classList.add("violated");
  document.getElementById("facts").textContent = [`seed ${figures.seed}`, `${group(pods.length)} pods in total`, `${group(figures.key_count)} keys`,
    `capacity of a pod ${units(figures.capacity)} units a second`, `${duration(END)} of virtual time`, `one point every ${duration(curves.point_ms)}`].join(" \u00b7 ");
  const texts = document.getElementById("texts");
  const since = figures.watch_from_ms ? `Figures from ${exact(figures.watch_from_ms)} on` : "Figures";
  if (figures.summary) texts.append(html("h2", {}, since), html("pre", {}, figures.summary));
  texts.append(html("details", {}, html("summary", {}, "What was run"), html("pre", {}, figures.script)));
}
headings();
listKinds();
listNotes();
[cursorMs, chosenAt] = [NOTES[FIRST]?.ms ?? 0, NOTES.length ? FIRST : undefined];
draw();
let drawnWidth = plotsElement.clientWidth;
new ResizeObserver(() => {
  if (plotsElement.clientWidth === drawnWidth) return;
  drawnWidth = plotsElement.clientWidth;
  draw();
}).observe(plotsElement);
