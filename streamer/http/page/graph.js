
// --- graph: the five layers, drawn. Wide, the layers are columns; narrow, they are rows.

const LAYERS = ["source", "staging", "snapshots", "intermediate", "marts"];
const LAYER_TITLES = { source: "Source", staging: "Staging", snapshots: "Snapshots",
  intermediate: "Intermediate", marts: "Marts" };
// The layer of each node and its track: customers 0, both 1, accounts 2.
const PLACES = {
  "customers": [0, 0], "accounts": [0, 2],
  "staging.customers": [1, 0], "quarantine": [1, 1], "staging.accounts": [1, 2],
  "customer_history": [2, 0], "account_history": [2, 2],
  "account_with_customer": [3, 1],
  "customer_profile": [4, 0], "account_summary": [4, 2],
};
const NODE_HEIGHT = 58;
const WIDE_FROM = 900;

const clamp = (x, from, to) => Math.min(to, Math.max(from, x));

// Where everything is, in a width: boxes by id, headings, and the height.
function layOut(width) {
  return width >= WIDE_FROM ? layOutWide(width) : layOutNarrow(width);
}

function layOutWide(width) {
  const gap = clamp(width * 0.06, 52, 96), top = 26, between = 32;
  const w = (width - 2 - gap * (LAYERS.length - 1)) / LAYERS.length;
  const boxes = new Map(Object.entries(PLACES).map(([id, [layer, track]]) => [id, {
    x: 1 + layer * (w + gap), y: top + track * (NODE_HEIGHT + between), w, h: NODE_HEIGHT }]));
  const headings = LAYERS.map((layer, i) => ({ layer, x: 1 + i * (w + gap), y: 14 }));
  return { isWide: true, boxes, headings, height: top + 3 * NODE_HEIGHT + 2 * between + 2 };
}

function layOutNarrow(width) {
  const gap = 22, w = Math.min(320, (width - 2 - gap) / 2), left = (width - 2 * w - gap) / 2;
  const tracks = [left, (width - w) / 2, left + w + gap];
  const step = NODE_HEIGHT + 52, top = 22;
  const yOf = (layer) => top + layer * step + (layer > 1 ? NODE_HEIGHT + 6 : 0);
  const boxes = new Map(Object.entries(PLACES).map(([id, [layer, track]]) => [id, {
    x: tracks[track], y: yOf(layer), w, h: NODE_HEIGHT }]));
  const inMiddle = (id, share, y) =>
    boxes.set(id, { x: (width - share * w) / 2, y, w: share * w, h: NODE_HEIGHT });
  inMiddle("quarantine", 0.66, yOf(1) + NODE_HEIGHT + 28);
  inMiddle("account_with_customer", 1.25, yOf(3));
  // What the checks say stands where no edge runs down to the layer.
  const beside = (layer) => left + (layer === "source" ? 54
    : layer === "intermediate" ? w + gap + 26 : w / 2 + 10);
  const headings = LAYERS.map((layer, i) =>
    ({ layer, x: left, y: yOf(i) - 8, wordsX: beside(layer) }));
  return { isWide: false, boxes, headings, height: yOf(4) + NODE_HEIGHT + 22 };
}

// The path of an edge, the place of its label, and where its head points: [x, y, dx, dy].
function route(from, to, isWide, isAside) {
  const a = { x: from.x + from.w / 2, y: from.y + from.h / 2 };
  const b = { x: to.x + to.w / 2, y: to.y + to.h / 2 };
  if (isWide && a.x !== b.x) return across(from.x + from.w, a.y, to.x, b.y);
  if (!isWide && isAside && a.y === b.y) return beside(from, to, a.y);
  const sign = Math.sign(b.y - a.y), y1 = a.y + sign * from.h / 2, y2 = b.y - sign * to.h / 2;
  const x1 = isWide || a.x === b.x ? a.x : clamp(b.x, from.x + 16, from.x + from.w - 16);
  const x2 = isWide || a.x === b.x ? b.x : clamp(x1, to.x + 12, to.x + to.w - 12);
  return down(x1, y1, x2, y2, sign);
}

function across(x1, y1, x2, y2) {
  const middle = (x1 + x2) / 2;
  return { path: `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2 - 5} ${y2}`,
    label: [middle, (y1 + y2) / 2 - (y1 === y2 ? 6 : 0), "middle"], head: [x2, y2, 1, 0] };
}

function down(x1, y1, x2, y2, sign) {
  const middle = (y1 + y2) / 2, isLong = Math.abs(y2 - y1) > 100;
  return { path: `M${x1} ${y1}C${x1} ${middle} ${x2} ${middle} ${x2} ${y2 - sign * 5}`,
    label: [(x1 + x2) / 2 + 7, isLong ? y2 - sign * 20 : middle + 4, "start"],
    head: [x2, y2, 0, sign] };
}

// Between two boxes side by side, where there is only room for a label below them.
function beside(from, to, y) {
  const sign = Math.sign(to.x - from.x);
  const x1 = sign > 0 ? from.x + from.w : from.x, x2 = sign > 0 ? to.x : to.x + to.w;
  return { path: `M${x1} ${y}L${x2 - sign * 5} ${y}`,
    label: [(x1 + x2) / 2, from.y + from.h + 15, "middle"], head: [x2, y, sign, 0] };
}

const headOf = ([x, y, dx, dy]) =>
  `M${x} ${y}L${x - 7 * dx - 4 * dy} ${y - 7 * dy - 4 * dx}` +
  `L${x - 7 * dx + 4 * dy} ${y - 7 * dy + 4 * dx}Z`;

// Cuts a text to what fits into a width; the whole one is the drawing's title.
function fit(node, text, width) {
  if (node.dataset.text === text && node.dataset.width === String(width)) return;
  Object.assign(node.dataset, { text, width });
  node.textContent = text;
  let keepCount = text.length;
  while (keepCount > 1 && node.getComputedTextLength() > width) {
    keepCount = Math.min(keepCount - 1,
      Math.floor(keepCount * width / node.getComputedTextLength()));
    node.textContent = `${text.slice(0, keepCount)}…`;
  }
}

// What a node says besides its figures, and how bad that is: [text, status].
function noteOf(node, view) {
  const input = view.inputs.find((i) => i.entity === node.id);
  if (input !== undefined) {
    const ms = timeOf(input.newest_record_at);
    return [ms === null ? "no record yet" : `newest ${agoOf(ms, view.nowMs)}`, input.status];
  }
  if (node.id === "account_with_customer" && view.state.orphans > 0)
    return [plural(view.state.orphans, "orphan account"), "pass"];
  const entity = { customer_history: "customers", account_history: "accounts" }[node.id];
  const outdated = view.state.outdated[entity] ?? 0;
  return outdated > 0 ? [plural(outdated, "outdated row"), "warn"] : ["", "pass"];
}

function labelOf(node) {
  return node.topic ?? node.id.replace(/^staging\./, "");
}

const titled = () => drawing("title");

function makeNode() {
  return drawing("g", {}, titled(), drawing("rect", { rx: 5 }),
    drawing("text", { class: "label" }), drawing("text", { class: "records" }),
    drawing("text", { class: "rate", "text-anchor": "end" }), drawing("text", { class: "hint" }));
}

function changeNode(group, node, box, view) {
  const [title, rect, label, records, speed, hint] = group.children;
  const [text, status] = noteOf(node, view);
  const isQuarantined = node.id === "quarantine" && node.per_second > 0;
  setAttributes(group, { class: `node ${isQuarantined ? "warn" : status}`,
    transform: `translate(${box.x} ${box.y})`, "data-node": node.id });
  setText(title, `${node.layer}: ${node.topic ?? node.id}`);
  setAttributes(rect, { width: box.w, height: box.h });
  setAttributes(label, { x: 9, y: 17 });
  setAttributes(records, { x: 9, y: 35 });
  setAttributes(speed, { x: box.w - 9, y: 35 });
  setAttributes(hint, { x: 9, y: 50 });
  fit(label, labelOf(node), box.w - 18);
  setText(speed, rate(node.per_second));
  const room = box.w - 26 - speed.getComputedTextLength();
  setText(records, count(node.records));
  if (records.getComputedTextLength() > room) setText(records, scaled(node.records));
  fit(hint, text, box.w - 18);
}

function makeEdge() {
  return drawing("g", {}, titled(), drawing("path", { class: "line" }),
    drawing("path", { class: "head" }), drawing("text"));
}

function changeEdge(group, edge, layout) {
  const [title, line, head, label] = group.children;
  const isAside = PLACES[edge.from][0] === PLACES[edge.to][0];
  const r = route(layout.boxes.get(edge.from), layout.boxes.get(edge.to), layout.isWide, isAside);
  const isMoving = edge.per_second > 0;
  setAttributes(group, { class: `edge ${isMoving ? "moving" : ""} ` +
    `${edge.to === "quarantine" ? "aside" : ""}`, "data-edge": `${edge.from} ${edge.to}` });
  setText(title, `${edge.from} to ${edge.to}: ${count(edge.records)} records`);
  setAttributes(line, { d: r.path,
    "stroke-width": isMoving ? clamp(1.5 + Math.log10(1 + edge.per_second) * 0.6, 1.5, 5) : 1.5 });
  setAttributes(head, { d: headOf(r.head) });
  const [x, y, anchor] = r.label;
  setAttributes(label, { x, y, "text-anchor": anchor });
  setText(label, isMoving ? rate(edge.per_second) : scaled(edge.records));
}

// Layers whose checks do not pass say so in their heading.
function headingText(layer, view) {
  const found = (view.quality?.failures ?? []).filter((f) => f.layer === layer);
  const failed = found.filter((f) => f.status === "fail").length, warned = found.length - failed;
  if (failed > 0) return [`${plural(failed, "check")} ${failed === 1 ? "fails" : "fail"}`, "fail"];
  if (warned > 0) return [`${plural(warned, "check")} ${warned === 1 ? "warns" : "warn"}`, "warn"];
  return ["", ""];
}

function changeHeading(text, heading, view) {
  const [name, words] = text.children;
  const [found, status] = headingText(heading.layer, view);
  setAttributes(text, { x: heading.x, y: heading.y, class: "heading" });
  setText(name, LAYER_TITLES[heading.layer]);
  setText(words, found);
  const place = heading.wordsX === undefined ? { x: null, dx: 8 } : { x: heading.wordsX, dx: null };
  setAttributes(words, { class: status || null, ...place });
}

function makeGraph(svg) {
  const parts = { edges: drawing("g"), nodes: drawing("g"), headings: drawing("g") };
  svg.append(parts.edges, parts.nodes, parts.headings);
  return parts;
}

let graphParts = null;

function showGraph(view) {
  const svg = byId("graph");
  graphParts ??= makeGraph(svg);
  const width = Math.floor(svg.parentNode.clientWidth - 24);
  if (width <= 0) return;
  const layout = layOut(width);
  setAttributes(svg, { width, height: layout.height, viewBox: `0 0 ${width} ${layout.height}` });
  const nodes = view.nodes.filter((n) => n.id in PLACES);
  const edges = view.edges.filter((e) => e.from in PLACES && e.to in PLACES);
  keep(graphParts.edges, edges, (e) => `${e.from} ${e.to}`, makeEdge,
    (g, edge) => changeEdge(g, edge, layout));
  keep(graphParts.nodes, nodes, (n) => n.id, makeNode,
    (g, node) => changeNode(g, node, layout.boxes.get(node.id), view));
  keep(graphParts.headings, layout.headings, (h) => h.layer,
    () => drawing("text", {}, drawing("tspan"), drawing("tspan")),
    (text, heading) => changeHeading(text, heading, view));
  fillTable(byId("graph-table"), view.nodes.map((n) => ({ key: n.id,
    cells: [n.layer, n.topic ?? n.id, count(n.records), rate(n.per_second)] })));
}
