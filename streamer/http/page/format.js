
// --- format: numbers and times as texts. The space between the digits of a number is a narrow one,
// which no language takes for a decimal point.

const NOTHING = "–";
const NARROW = "\u202f";
const MINUS = "\u2212";

function grouped(n) {
  const digits = String(Math.abs(Math.round(n))).replace(/\B(?=(\d{3})+$)/g, NARROW);
  return n < 0 ? MINUS + digits : digits;
}

const count = (n) => (n === null || n === undefined ? NOTHING : grouped(n));

function decimals(x) {
  const places = Math.abs(x) >= 99.95 || x === 0 ? 0 : Math.abs(x) >= 9.995 ? 1 : 2;
  return Math.abs(x) >= 1000 ? grouped(x) : String(Number(x.toFixed(places)));
}

function rate(x) {
  if (x === null || x === undefined) return NOTHING;
  if (x > 0 && x < 0.01) return `<0.01/s`;
  return `${decimals(x)}/s`;
}

// 1234567 → "1.23 M", for places where there is little room.
function scaled(x, unit = "") {
  if (x === null || x === undefined) return NOTHING;
  const steps = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]];
  const [size, letter] = steps.find(([s]) => Math.abs(x) >= s * 0.9995) ?? [1, ""];
  const space = letter + unit === "" || unit === "/s" && letter === "" ? "" : NARROW;
  return decimals(x / size) + space + letter + unit;
}

const bytes = (n) => scaled(n, "B");

function seconds(s) {
  if (s === null || s === undefined) return NOTHING;
  return s < 0.9995 ? `${decimals(s * 1000)} ms` : age(s);
}

// How long something takes or is ago, in its largest unit that gives two digits: "26 h".
function age(s) {
  if (s === null || s === undefined) return NOTHING;
  if (s < 9.95) return `${decimals(Math.max(0, Math.round(s * 10) / 10))} s`;
  if (s < 90) return `${Math.round(s)} s`;
  if (s < 90 * 60) return `${Math.round(s / 60)} min`;
  if (s < 48 * 3600) return `${Math.round(s / 3600)} h`;
  return `${Math.round(s / 86400)} d`;
}

const agoOf = (ms, nowMs) => `${age(Math.max(0, Math.floor((nowMs - ms) / 1000)))} ago`;

const two = (n) => String(n).padStart(2, "0");
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

function clock(ms) {
  const d = new Date(ms);
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

// "03:17" of today, "27 Nov 03:17" of this year, "27 Nov 2025" before.
function when(ms, nowMs = Date.now()) {
  const d = new Date(ms), now = new Date(nowMs);
  const time = `${two(d.getHours())}:${two(d.getMinutes())}`;
  const day = `${d.getDate()} ${MONTHS[d.getMonth()]}`;
  if (d.toDateString() === now.toDateString()) return time;
  return d.getFullYear() === now.getFullYear() ? `${day} ${time}` : `${day} ${d.getFullYear()}`;
}

const timeOf = (iso) => (iso === null || iso === undefined ? null : Date.parse(iso));

function since(iso, nowMs) {
  const ms = timeOf(iso);
  return ms === null ? "" : `since ${when(ms, nowMs)}`;
}

// A row's time as people read it, with all that it says: "2024-02-15 10:30:00.250".
function utc(iso) {
  if (iso === null || iso === undefined) return NOTHING;
  const match = /^(\d{4,}-\d\d-\d\d)T(\d\d:\d\d)(:\d\d)?(\.\d+)?Z$/.exec(iso);
  if (match === null) return String(iso);
  const [, day, minute, second = ":00", part = ""] = match;
  const fraction = /^\.0+$/.test(part) ? "" : part;
  if (fraction === "" && second === ":00" && minute === "00:00") return day;
  return `${day} ${minute}${second === ":00" && fraction === "" ? "" : second + fraction}`;
}

const plural = (n, one, many = `${one}s`) => `${grouped(n)} ${n === 1 ? one : many}`;

// [0, 1, 2, 5] → "0–2, 5".
function ranges(numbers) {
  const parts = [];
  for (const n of [...numbers].sort((a, b) => a - b)) {
    const last = parts.at(-1);
    if (last !== undefined && last[1] === n - 1) last[1] = n;
    else if (last === undefined || last[1] !== n) parts.push([n, n]);
  }
  return parts.map(([a, b]) => (a === b ? `${a}` : b === a + 1 ? `${a}, ${b}` : `${a}–${b}`))
    .join(", ");
}

const STATUS_WORDS = { pass: "passes", warn: "warns", fail: "fails", error: "fails" };
const statusWord = (status) => STATUS_WORDS[status] ?? status;
