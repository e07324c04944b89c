"use strict";
// The charts: each function returns an element for a width in pixels, or null if there is nothing to draw.

const data = JSON.parse(document.getElementById("data").textContent);
const COLOURS = {
  image: "var(--image)", text: "var(--text-expert)", joint: "var(--joint)", policy: "var(--policy)", rule: "var(--rule)",
  vote: "var(--vote)", submitted: "var(--submitted)",
};
// For networks: distinct on white and on black.
const LINES = ["#2f86d6", "#d6772f", "#2fa36b", "#c0508f", "#8a6fe0", "#b0902a", "#2aa6b0", "#d65a5a", "#7a8a99", "#6aa32f"];
const ROW = 21; // pixels per row of a list
const LOWEST = 160; // pixels of a chart, in which a tip has room
const FONT = "12px system-ui, sans-serif"; // of labels, as in the style sheet

const byId = (id) => document.getElementById(id);
const className = (number) => data.classes[number];
const classNames = (numbers) => numbers.map(className).join(", ");
const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)}\u00a0%`;
const points = (share) => `${share < 0 ? "−" : "+"}${Math.abs(100 * share).toFixed(1)}`;
const inTicks = (share) => String(Number((100 * share).toFixed(1))).replace("-", "−"); // "99.5", but "99"
const count = (n) => n.toLocaleString("en");

// A text in at most `most` characters: a long one loses its middle, as the end of a path of categories tells most.
function shorten(text, most) {
  const letters = [...text];
  if (letters.length <= most) return text;
  const start = Math.floor(most / 3);
  return `${letters.slice(0, start).join("")}…${letters.slice(start + 1 - most).join("")}`;
}

const pen = document.createElement("canvas").getContext("2d");
pen.font = FONT;
const measure = (text) => pen.measureText(text).width;

// A text that is at most `most` pixels wide.
function fit(text, most) {
  if (measure(text) <= most) return text;
  let letters = Math.min([...text].length, Math.floor(most / 3));
  while (letters > 2 && measure(shorten(text, letters)) > most) letters -= 1;
  return shorten(text, letters);
}

// How many pixels there are for the names of rows, and the margin that those of them need which are there.
function names(texts, width, most = 230) {
  const room = Math.min(most, width * 0.36);
  const longest = Math.min(room, Math.max(...texts.map(measure)));
  return { room, longest, margin: Math.ceil(longest) + 12 };
}

function legend(items) {
  const element = document.createElement("div");
  element.className = "legend";
  for (const [name, colour] of items) {
    const item = document.createElement("span");
    item.textContent = name;
    item.style.setProperty("--own", colour);
    element.append(item);
  }
  return element;
}

function together(...elements) {
  const element = document.createElement("div");
  element.append(...elements.filter(Boolean));
  return element;
}

// Rows in groups, with a line for the name of each group: their keys in order, and the names of both.
function grouped(rows) {
  const keys = [], headings = [];
  for (const row of rows) {
    if (headings.at(-1)?.group !== row.group) {
      headings.push({ key: `group ${row.group}`, group: row.group });
      keys.push(headings.at(-1).key);
    }
    keys.push(`row ${row.method}`);
  }
  return { keys, headings };
}

function dots(rows, width, { tip, x, marks = [] }) {
  const { keys, headings } = grouped(rows);
  const { room, margin } = names(rows.map((row) => row.method), width, 200);
  const own = rows.map((row) => ({ ...row, key: `row ${row.method}`, colour: COLOURS[row.submitted ? "submitted" : row.kind] }));
  return Plot.plot({
    width, height: Math.max(LOWEST, 50 + ROW * keys.length), marginLeft: margin, marginRight: 16, marginTop: 24, marginBottom: 26,
    x: { axis: "both", grid: true, ticks: Math.max(3, Math.floor((width - margin) / 60)), label: null, ...x },
    y: { domain: keys, label: null, tickSize: 0, tickFormat: (key) => key.startsWith("row ") ? fit(key.slice(4), room) : "" },
    color: { type: "identity" }, symbol: { type: "identity" },
    marks: [
      ...marks,
      Plot.text(headings, { y: "key", text: "group", frameAnchor: "left", dx: -margin + 2, textAnchor: "start", fontWeight: 600 }),
      Plot.ruleY(own, { y: "key", x1: "low", x2: "high", stroke: "colour", strokeWidth: 2.5, strokeOpacity: 0.65 }),
      Plot.dot(own, { y: "key", x: "value", fill: "colour", r: (row) => row.submitted ? 7 : 4.5, symbol: (row) => row.submitted ? "star" : "circle" }),
      Plot.tip(own, Plot.pointerY({ y: "key", x: "value", title: tip, maxRadius: 60 })),
    ],
  });
}

function drawScores(width) {
  const metric = byId("scores-metric").value, split = byId("scores-split").value;
  const rows = data.scores.filter((row) => row.metric === metric && row.split === split);
  const least = Math.min(...rows.map((row) => row.low)), most = Math.max(...rows.map((row) => row.high));
  const room = Math.max(0.02, (most - least) * 0.05);
  return dots(rows, width, {
    x: { domain: [Math.max(0, least - room), Math.min(1, most + room)], tickFormat: inTicks },
    tip: (row) => `${row.method}${row.submitted ? " (submitted)" : ""}\n${data.metrics[metric]} ${percent(row.value)}\n95 % interval ${percent(row.low)} to ${percent(row.high)}\n${count(row.n)} products`,
  });
}

function drawGains(width) {
  const split = byId("scores-split").value;
  const rows = data.gains.filter((row) => row.split === split);
  if (!rows.length) return null;
  return dots(rows, width, {
    x: { tickFormat: (share) => `${share > 0 ? "+" : ""}${inTicks(share)}`, nice: true },
    marks: [Plot.ruleX([0], { stroke: "currentColor", strokeWidth: 1.2 })],
    tip: (row) => `${row.method}${row.submitted ? " (submitted)" : ""}\n${points(row.value)} points over ${row.against}\n95 % interval ${points(row.low)} to ${points(row.high)}\np ${row.p < 1e-4 ? "< 0.0001" : row.p} (McNemar)`,
  });
}

const MOST_CLASSES = 60; // rows of the chart of classes
function drawClasses(width) {
  const text = byId("classes-search").value.trim().toLowerCase();
  const of = data.methods.submitted ? "submitted" : Object.keys(data.methods)[0];
  const gain = (row) => (row[of] ?? 0) - (row.text ?? 0);
  const orders = {
    low: (a, b) => a[of] - b[of], gain: (a, b) => gain(b) - gain(a), loss: (a, b) => gain(a) - gain(b),
    n: (a, b) => b.n - a.n, name: (a, b) => a.class - b.class,
  };
  const found = data.class_scores.filter((row) => className(row.class).toLowerCase().includes(text));
  const rows = found.toSorted(orders[byId("classes-order").value]).slice(0, MOST_CLASSES);
  byId("classes-count").textContent = `${rows.length} of ${count(data.class_scores.length)} classes`;
  if (!rows.length) return null;
  const { room, margin } = names(rows.map((row) => className(row.class)), width, 270);
  const methods = Object.keys(data.methods);
  const values = rows.flatMap((row) => methods.map((what) => ({ class: row.class, value: row[what], what })));
  const tip = (row) => `${className(row.class)}\n${count(row.n)} products\n` + methods.map((what) => `${data.methods[what]}${what === "submitted" ? " (submitted)" : ""}: ${percent(row[what])}`).join("\n");
  return Plot.plot({
    width, height: Math.max(LOWEST, 50 + 19 * rows.length), marginLeft: margin, marginRight: 16, marginTop: 24, marginBottom: 26,
    x: { axis: "both", grid: true, domain: [0, 1], label: null, tickFormat: inTicks },
    y: { domain: rows.map((row) => row.class), label: null, tickSize: 0, tickFormat: (number) => fit(className(number), room) },
    color: { type: "identity" }, symbol: { type: "identity" },
    marks: [
      Plot.ruleY(rows, { y: "class", x1: (row) => Math.min(...methods.map((what) => row[what])), x2: (row) => Math.max(...methods.map((what) => row[what])), stroke: "var(--line)", strokeWidth: 3 }),
      Plot.dot(values, { y: "class", x: "value", sort: null, fill: (row) => COLOURS[row.what], r: (row) => row.what === "submitted" ? 6 : 4.5, symbol: (row) => row.what === "submitted" ? "star" : "circle" }),
      Plot.tip(rows, Plot.pointerY({ y: "class", x: of, title: tip, maxRadius: 60 })),
    ],
  });
}

// A matrix of shares: darker cells for larger ones, their percent inside where there is room.
function matrix(cells, keys, width, { rows, columns, name, tip, click, least = 15, most = 46 }) {
  const texts = keys.map(name);
  const { room, longest, margin } = names(texts, width, 170);
  const side = Math.min(most, Math.max(least, Math.floor((width - margin - 8) / keys.length)));
  const top = Math.ceil(longest) + 12;
  const plot = Plot.plot({
    width: margin + side * keys.length + 8, height: top + side * keys.length + 8, marginLeft: margin, marginTop: top, marginRight: 8, marginBottom: 8,
    x: { domain: keys, axis: "top", label: null, tickSize: 0, tickRotate: -90, padding: 0, tickFormat: (key) => fit(name(key), room) },
    y: { domain: keys, label: null, tickSize: 0, padding: 0, tickFormat: (key) => fit(name(key), room) },
    color: { type: "identity" }, opacity: { type: "identity" },
    marks: [
      Plot.cell(cells, { x: columns, y: rows, fill: "colour", fillOpacity: (cell) => 0.1 + 0.9 * cell.strength, inset: 0.5 }),
      side >= 26 ? Plot.text(cells, { x: columns, y: rows, text: (cell) => (100 * cell.share).toFixed(0), fontSize: 11, fill: (cell) => cell.strength > 0.6 ? "var(--on-mark)" : "var(--text)" }) : null,
      Plot.frame({ stroke: "var(--line)" }),
      Plot.tip(cells, Plot.pointer({ x: columns, y: rows, title: tip, maxRadius: side })),
    ],
  });
  if (click) plot.addEventListener("click", () => plot.value && click(plot.value));
  return plot;
}

function drawConfusion(width) {
  const cells = data.confusion.cells.map(([label, decided, n, share]) => ({
    label, decided, n, share, strength: share ** 0.7, colour: label === decided ? "var(--mark)" : "var(--bad)",
  }));
  const plot = matrix(cells, data.confusion.classes, width, {
    rows: "label", columns: "decided", name: className, most: 34,
    tip: (cell) => `label: ${className(cell.label)}\ndecided: ${className(cell.decided)}\n${count(cell.n)} products, ${percent(cell.share)} of the label`,
    click: (cell) => cell.label !== cell.decided && document.dispatchEvent(new CustomEvent("show-mistakes", { detail: cell })),
  });
  return together(legend([["right", "var(--mark)"], ["wrong", "var(--bad)"]]), plot);
}

// Stacked bars of shares or counts, one row per name: `stacks` are [key of the value, name, colour].
function bars(rows, width, { name, stacks, x, tip }) {
  const texts = rows.map(name);
  const { room, margin } = names(texts, width, 300);
  const values = rows.flatMap((row, number) => stacks.map(([key, what, colour]) => ({ number, row, what, colour, value: row[key] })));
  const plot = Plot.plot({
    width, height: Math.max(LOWEST, 44 + 26 * rows.length), marginLeft: margin, marginRight: 16, marginTop: 6, marginBottom: 30,
    x: { grid: true, label: null, ...x },
    y: { domain: rows.map((_, number) => number), label: null, tickSize: 0, tickFormat: (number) => fit(texts[number], room) },
    color: { type: "identity" },
    marks: [
      Plot.barX(values, Plot.stackX({ y: "number", x: "value", fill: "colour", order: null, insetTop: 2, insetBottom: 2 })),
      Plot.tip(values, Plot.pointer(Plot.stackX({ y: "number", x: "value", order: null, title: (value) => tip(value.row), maxRadius: 80 }))),
    ],
  });
  return together(legend(stacks.map(([, what, colour]) => [what, colour])), plot);
}

const inPercent = { domain: [0, 1], tickFormat: inTicks };

function drawMissed(width) {
  const most = Math.max(...data.missed.map((row) => row.missed + row.added));
  return bars(data.missed, width, {
    name: (row) => className(row.class), x: { ticks: Math.min(most, 10), tickFormat: count },
    stacks: [["missed", "missed", "var(--bad)"], ["added", "added wrongly", "var(--neither)"]],
    tip: (row) => `${className(row.class)}\nmissed ${count(row.missed)} of ${count(row.n)} products\nadded wrongly to ${count(row.added)}`,
  });
}

function drawPairs(width) {
  return bars(data.pairs, width, {
    name: (row) => `${row.text} + ${row.image}`, x: inPercent,
    stacks: [["both", "both right", "var(--both)"], ["only_text", "only text", "var(--text-expert)"], ["only_image", "only image", "var(--image)"], ["neither", "neither", "var(--neither)"]],
    tip: (row) => `${row.text} and ${row.image}\nboth right ${percent(row.both)}\nonly text ${percent(row.only_text)}\nonly image ${percent(row.only_image)}\nneither ${percent(row.neither)}\none of the two ${percent(row.oracle_accuracy)}`,
  });
}

function drawDisagreement(width) {
  const rows = data.disagreement.map((row) => ({ ...row, wrong: 1 - row.right }));
  return bars(rows, width, {
    name: (row) => row.case, x: inPercent,
    stacks: [["right", "submitted is right", "var(--both)"], ["wrong", "submitted is wrong", "var(--neither)"]],
    tip: (row) => `${row.case}: ${count(row.n)} products\nsubmitted is right for ${percent(row.right)}`,
  });
}

const ENOUGH = 10; // products of a bin that the line goes through
const WHEN = { before: "var(--neither)", after: "var(--mark)" };
function drawCalibration(width) {
  const side = Math.min(width, 460), most = Math.max(...data.calibration.map((bin) => bin.n));
  const sure = data.calibration.filter((bin) => bin.n >= ENOUGH);
  const plot = Plot.plot({
    width: side, height: side * 0.86, marginTop: 30, marginLeft: 44, marginBottom: 38, marginRight: 16,
    x: { ...inPercent, grid: true, label: "confidence, percent" }, y: { ...inPercent, grid: true, label: "right, percent" },
    color: { type: "identity" }, r: { type: "identity" },
    marks: [
      Plot.link([0], { x1: 0, y1: 0, x2: 1, y2: 1, stroke: "currentColor", strokeDasharray: "3 4" }),
      Plot.line(sure, { x: "confidence", y: "right", z: "when", stroke: (bin) => WHEN[bin.when], strokeWidth: 1.5 }),
      Plot.dot(data.calibration, { x: "confidence", y: "right", fill: (bin) => WHEN[bin.when], r: (bin) => 3 + 7 * Math.sqrt(bin.n / most), fillOpacity: 0.8 }),
      Plot.tip(data.calibration, Plot.pointer({ x: "confidence", y: "right", title: (bin) => `${bin.when} calibration\nconfidence ${percent(bin.confidence)}\nright ${percent(bin.right)}\n${count(bin.n)} products` })),
    ],
  });
  return together(legend(Object.entries(WHEN)), plot);
}

// The targets of thresholds, each with its text; the text of those that would lie on one another is at the first.
function labelled(targets, least, side) {
  const shown = [];
  for (const row of targets) {
    const near = shown.find((one) => Math.abs(one.share - row.share) * side < 60 && Math.abs(one.right - row.right) / (1 - least) * side < 30);
    if (near) near.to = row.target;
    else shown.push({ ...row, to: row.target });
  }
  return shown.map((row) => ({ ...row, text: row.to === row.target ? percent(row.target, 0) : `${(100 * row.target).toFixed(0)} to ${percent(row.to, 0)}` }));
}

// How many of the accepted products are right; the whole sets of labels are known of the thresholds.
function rightOf(row) {
  if (!data.several) return `${percent(row.right)} of these right`;
  const sets = row.target ? `\nwhole set of labels right for ${percent(row.sets_right)}\n${percent(row.labels_found)} of their labels found` : "";
  return `first label right for ${percent(row.right)} of these${sets}`;
}

function drawCoverage(width) {
  const side = Math.min(width, 620);
  const least = Math.max(0, Math.min(...data.coverage.map((row) => row.right), ...data.targets.map((row) => row.right)) - 0.02);
  const labels = labelled(data.targets, least, side);
  const label = { x: "share", y: "right", text: "text", dy: 16, fill: "currentColor", stroke: "var(--card)", strokeWidth: 4 };
  const all = [...data.coverage, ...data.targets.map((row) => ({ ...row, coverage: row.share, confidence: row.threshold }))];
  return Plot.plot({
    width: side, height: Math.min(396, side * 0.8), marginTop: 30, marginLeft: 44, marginBottom: 38, marginRight: 16,
    x: { ...inPercent, grid: true, label: `products ${data.several ? "accepted" : "labelled automatically"}, percent` },
    y: { domain: [least, 1], grid: true, label: data.several ? "first label right, percent" : "right, percent", tickFormat: inTicks },
    marks: [
      Plot.line(data.coverage, { x: "coverage", y: "right", stroke: "var(--mark)", strokeWidth: 2 }),
      Plot.dot(data.targets, { x: "share", y: "right", fill: "var(--submitted)", r: 5 }),
      // Below and left of a falling curve nothing else is drawn; at the left edge there is no room.
      Plot.text(labels.filter((row) => row.share < 0.2), { ...label, textAnchor: "start", dx: -4 }),
      Plot.text(labels.filter((row) => row.share >= 0.2), { ...label, textAnchor: "end", dx: 6 }),
      Plot.tip(all, Plot.pointerX({ x: "coverage", y: "right", title: (row) => `${row.target ? `threshold for ${percent(row.target, 0)}\n` : ""}confidence ${row.confidence.toFixed(4)} or more\n${percent(row.coverage)} of the products\n${rightOf(row)}` })),
    ],
  });
}

function drawAgreement(width) {
  const { members, shares } = data.agreement;
  const least = Math.min(...shares.flat()), span = Math.max(1 - least, 0.01);
  const cells = shares.flatMap((row, one) => row.map((share, other) => ({ one, other, share, strength: (share - least) / span, colour: "var(--mark)" })));
  return matrix(cells, members.map((_, number) => number), width, {
    rows: "one", columns: "other", name: (number) => members[number], least: 26,
    tip: (cell) => `${members[cell.one]} and ${members[cell.other]}\ndecide alike for ${percent(cell.share)}`,
  });
}

function drawTraining(width) {
  const what = byId("training-what").value, expert = byId("training-expert").value;
  const experts = [...new Set(data.training.map((row) => row.expert))];
  const rows = data.training.filter((row) => row[what] !== null && (!expert || row.expert === expert));
  if (!rows.length) return null;
  const colour = (row) => LINES[experts.indexOf(row.expert) % LINES.length];
  const value = (row) => what === "score" ? percent(row.score) : row.loss.toFixed(4);
  const last = Math.max(...rows.map((row) => row.epoch));
  const plot = Plot.plot({
    width, height: Math.min(380, Math.max(260, width * 0.5)), marginTop: 30, marginLeft: 48, marginBottom: 38, marginRight: 16,
    x: { label: "epoch", domain: [Math.min(0.5, last - 1), last + 0.5], ticks: Math.min(last, 12), tickFormat: (epoch) => Number.isInteger(epoch) ? String(epoch) : "" },
    y: { grid: true, nice: true, label: what === "score" ? "percent" : "loss", ...(what === "score" ? { tickFormat: inTicks } : {}) },
    color: { type: "identity" },
    marks: [
      Plot.line(rows, { x: "epoch", y: what, z: (row) => `${row.expert} ${row.fold}`, stroke: colour, strokeWidth: 1.8 }),
      Plot.dot(rows, { x: "epoch", y: what, fill: colour, r: 3 }),
      Plot.tip(rows, Plot.pointer({ x: "epoch", y: what, title: (row) => `${row.expert}${row.fold === null ? "" : `, fold ${row.fold}`}\nepoch ${row.epoch}: ${value(row)}` })),
    ],
  });
  const shown = experts.filter((name) => !expert || name === expert);
  return together(legend(shown.map((name) => [name, LINES[experts.indexOf(name) % LINES.length]])), plot);
}

const DRAWN = {
  scores: drawScores, gains: drawGains, classes: drawClasses, confusion: drawConfusion, missed: drawMissed, pairs: drawPairs,
  disagreement: drawDisagreement, calibration: drawCalibration, coverage: drawCoverage, agreement: drawAgreement, training: drawTraining,
};

function draw(name) {
  const place = byId(`chart-${name}`);
  if (!place) return;
  const chart = DRAWN[name](Math.max(260, place.clientWidth));
  for (const svg of chart?.querySelectorAll("svg") ?? []) svg.setAttribute("aria-hidden", "true"); // the table says it
  if (chart?.tagName === "svg") chart.setAttribute("aria-hidden", "true");
  place.replaceChildren(chart ?? "Nothing to show.");
}

const CONTROLS = {
  "scores-metric": ["scores"], "scores-split": ["scores", "gains"], "classes-order": ["classes"], "classes-search": ["classes"],
  "training-what": ["training"], "training-expert": ["training"],
};
for (const [id, charts] of Object.entries(CONTROLS)) {
  const control = byId(id);
  control?.addEventListener(control.tagName === "SELECT" ? "change" : "input", () => charts.forEach(draw));
}

let drawnWidth = 0;
new ResizeObserver(() => {
  const width = document.querySelector("main").clientWidth;
  if (width !== drawnWidth) {
    drawnWidth = width;
    Object.keys(DRAWN).forEach(draw);
  }
}).observe(document.querySelector("main"));
