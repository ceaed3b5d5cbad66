
// --- charts: the last hour. The page keeps nothing of it: it comes from the instances.

const CHARTS = [
  { title: "Records", format: rate, lines: [["consumed_per_second", "consumed"],
    ["emitted_per_second", "emitted"]] },
  { title: "Quarantine", format: rate, lines: [["quarantined_per_second", "rejected"]] },
  { title: "Transactions", format: rate, lines: [["commits_per_second", "committed"]] },
  { title: "Latency", format: seconds, lines: [["latency_p50_seconds", "half within"],
    ["latency_p99_seconds", "99 % within"]] },
  { title: "Lag", format: (n) => scaled(n), lines: [["lag_records", "records behind"]] },
];
const CHART_HEIGHT = 56;
const LINE_CLASSES = ["first", "second"];

function makeChart(chart) {
  const svg = drawing("svg", { class: "chart", "aria-hidden": "true", height: CHART_HEIGHT + 14 },
    drawing("path", { class: "grid" }), drawing("g"), drawing("path", { class: "cursor" }),
    drawing("text", { class: "tick", x: 0, y: 9 }),
    drawing("text", { class: "tick", x: 0, y: CHART_HEIGHT + 13 }),
    drawing("text", { class: "tick", y: CHART_HEIGHT + 13, "text-anchor": "end" }));
  const figure = element("figure", {}, element("figcaption", {}, element("h3", {}, chart.title),
    element("p", { class: "legend" })), svg);
  figure.cursor = null; // which value the pointer is over
  setAttributes(svg, {
    pointermove: (event) => pointAt(figure, svg, event.clientX),
    pointerleave: () => pointAt(figure, svg, null),
  });
  return figure;
}

function pointAt(figure, svg, clientX) {
  const box = svg.getBoundingClientRect();
  figure.cursor = clientX === null ? null : clamp((clientX - box.left) / box.width, 0, 1);
  if (figure.redraw !== undefined) figure.redraw();
}

// A round number that is not below the greatest value.
function ceilingOf(values) {
  const top = greatest(values) ?? 0;
  if (top <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(top));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map((m) => m * power).find((m) => m >= top * 0.999);
}

function linePath(values, xOf, yOf) {
  let path = "", isDown = false;
  values.forEach((value, i) => {
    if (value === null) {
      isDown = false;
      return;
    }
    path += `${isDown ? "L" : "M"}${xOf(i).toFixed(1)} ${yOf(value).toFixed(1)}`;
    if (!isDown && (values[i + 1] ?? null) === null) path += "h1"; // a lone value
    isDown = true;
  });
  return path;
}

function changeChart(figure, chart, history) {
  const [caption, svg] = figure.children;
  const lines = chart.lines.map(([name, word]) => ({ word, values: history.series[name] ?? [] }));
  const n = Math.max(...lines.map((l) => l.values.length), 2);
  const width = Math.max(100, Math.floor(figure.clientWidth));
  const top = ceilingOf(lines.flatMap((l) => l.values));
  const xOf = (i) => i / (n - 1) * (width - 1);
  const yOf = (value) => CHART_HEIGHT - 2 - value / top * (CHART_HEIGHT - 14);
  const [grid, paths, cursor, topTick, leftTick, rightTick] = svg.children;
  setAttributes(svg, { width, viewBox: `0 0 ${width} ${CHART_HEIGHT + 14}` });
  setAttributes(grid, { d: `M0 ${yOf(top)}H${width}M0 ${yOf(0)}H${width}` });
  keep(paths, lines.map((l, i) => ({ ...l, i })), (l) => l.i,
    (l) => drawing("path", { class: `line ${LINE_CLASSES[l.i]}` }),
    (path, l) => setAttributes(path, { d: linePath(l.values, xOf, yOf) }));
  const at = figure.cursor === null ? n - 1 : Math.round(figure.cursor * (n - 1));
  const timeAt = (i) => clock(history.until - (n - 1 - i) * history.step * 1000).slice(0, 5);
  setAttributes(cursor, { d: figure.cursor === null ? "" : `M${xOf(at)} 0V${CHART_HEIGHT}` });
  setText(topTick, chart.format(top));
  setText(leftTick, timeAt(0));
  setText(rightTick, figure.cursor === null ? timeAt(n - 1) : `at ${timeAt(at)}`);
  setAttributes(rightTick, { x: width });
  keep(caption.lastChild, lines.map((l, i) => ({ ...l, i })), (l) => l.i,
    (l) => element("span", {}, element("i", { class: LINE_CLASSES[l.i] }), element("span")),
    (span, l) => {
      const highest = greatest(l.values);
      const most = figure.cursor === null && highest !== null
        ? `, highest ${chart.format(highest)}` : "";
      setText(span.lastChild, `${l.word} ${chart.format(l.values[at] ?? null)}${most}`);
    });
}

// Of an hour whose beginning is not known, the rest, and ten minutes at least.
function knownPart(history) {
  const columns = Object.values(history.series);
  const length = Math.max(...columns.map((c) => c.length));
  const isKnown = (i) => columns.some((c) => (c[i] ?? null) !== null);
  const first = Array.from({ length }, (_, i) => i).find(isKnown) ?? length;
  const start = Math.max(0, Math.min(first, length - 600 / history.step));
  const series = Object.entries(history.series).map(([name, c]) => [name, c.slice(start)]);
  return { ...history, series: Object.fromEntries(series) };
}

function showCharts(history) {
  const part = history === null ? null : knownPart(history);
  byId("charts-message").hidden = part !== null;
  keep(byId("charts"), part === null ? [] : CHARTS, (c) => c.title, makeChart,
    (figure, chart) => {
      figure.redraw = () => changeChart(figure, chart, part);
      figure.redraw();
    });
}
