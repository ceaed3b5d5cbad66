
// --- lookup: what is known of one id, now or as of a time. The address of the page says which id
// and time, so that it can be bookmarked and sent to a colleague.

const LOOKUP_AGAIN_MS = 5000; // while the page shows what is so now
const VERSIONS_SHOWN = 20;
const ACCOUNTS_SHOWN = 20; // of a customer, until more are wanted
const ACCOUNTS_MAX = 1000;

// {id, asOf, noTime, accounts}: asOf "" is now; what of the address is no time; how many accounts
// of a customer
let lookup = null;
let lookupRun = 0; // counts; an answer of an older run comes too late
let lookupTimer = null;

function lookupOfAddress() {
  const parameters = new URLSearchParams(location.hash.slice(1));
  const id = (parameters.get("id") ?? "").trim();
  const asOf = parameters.get("as_of") ?? "";
  const isTime = asOf === "" || !Number.isNaN(Date.parse(isoOf(asOf)));
  return id === "" ? null : { id, asOf: isTime ? asOf : "", noTime: isTime ? "" : asOf };
}

function goTo(id, asOf) {
  const parameters = new URLSearchParams({ id, ...(asOf === "" ? {} : { as_of: asOf }) });
  const hash = id === "" ? "" : `#${parameters}`;
  if (location.hash === hash || hash === "" && location.hash === "") onAddress();
  else if (hash === "") {
    history.pushState(null, "", location.pathname);
    onAddress();
  } else location.hash = hash;
}

// Nothing is looked up before there is an answer to what everything is.
function onAddress() {
  if (view === null) return;
  const before = lookup, wanted = lookupOfAddress();
  if (wanted === null) {
    closeLookup();
    return;
  }
  const isSame = before?.id === wanted.id;
  lookup = { ...wanted, accounts: isSame ? before.accounts : ACCOUNTS_SHOWN };
  byId("found").hidden = false;
  if (!isSame) {
    setText(byId("found-title"), lookup.id);
    showMessage("looking…");
    keep(byId("found-parts"), [], () => "", () => null);
    byId("find-id").value = lookup.id;
  }
  byId("as-of").value = lookup.asOf === "" ? ""
    : new Date(isoOf(lookup.asOf)).toISOString().replace(/(\.000)?Z$/, "");
  runLookup();
}

function closeLookup() {
  lookup = null;
  lookupRun++;
  clearTimeout(lookupTimer);
  byId("found").hidden = true;
}

// A time with its zone, which is UTC where it names none.
function isoOf(asOf) {
  const text = /^\d{4,}-\d\d-\d\d$/.test(asOf) ? `${asOf}T00:00` : asOf;
  return /Z$|T.*[+-]\d\d:?\d\d$/.test(text) ? text : `${text}Z`;
}

const isInteger = (id) => /^-?\d{1,19}$/.test(id);

// The target of a question about an id. Another instance may have the id: `forwarded=0` lets this
// one ask it, because a page cannot follow a redirect to another origin.
function targetOf(table, id, { part = "", asOf = "", limit = null } = {}) {
  const query = new URLSearchParams({ ...(asOf === "" ? {} : { as_of: asOf }),
    ...(limit === null ? {} : { limit }), forwarded: "0" });
  return `/v1/${table}/${encodeURIComponent(id)}${part}?${query}`;
}

// What the routes answer about one id, by a name for each.
async function askAll(routes) {
  const names = Object.keys(routes);
  const answers = await Promise.all(names.map((name) => ask(routes[name], parseRows)));
  return Object.fromEntries(names.map((name, i) => [name, answers[i]]));
}

const accountRoutes = (id, asOf) => ({
  row: targetOf("accounts", id, { asOf }),
  versions: targetOf("accounts", id, { part: "/history" }),
  joined: targetOf("account_with_customer", id, { asOf }),
  summary: targetOf("account_summary", id, { asOf }),
  why: targetOf("why/account_with_customer", id),
});

const customerRoutes = (id, asOf, limit) => ({
  row: targetOf("customers", id, { asOf }),
  versions: targetOf("customers", id, { part: "/history" }),
  profile: targetOf("customer_profile", id, { asOf }),
  accounts: targetOf("customers", id, { part: "/accounts", limit }),
  why: targetOf("why/customer_profile", id),
});

const isThere = (answers) => answers !== null && answers.versions.status !== 404;

// An id may be an account's, a customer's, or both.
async function fetchLookup({ id, asOf, accounts }) {
  const [account, customer] = await Promise.all([
    askAll(accountRoutes(id, asOf)),
    isInteger(id) ? askAll(customerRoutes(id, asOf, accounts)) : null,
  ]);
  const owner = (account.row.body ?? account.versions.body?.at?.(-1))?.customer_id;
  if (owner !== undefined)
    account.owner = { id: owner,
      versions: await ask(targetOf("customers", owner, { part: "/history" }), parseRows) };
  const present = (answers) => (isThere(answers) ? answers : null);
  return { account: present(account), customer: present(customer) };
}

async function runLookup() {
  const run = ++lookupRun, wanted = lookup;
  clearTimeout(lookupTimer);
  let found = null;
  try {
    found = await fetchLookup(wanted);
  } catch (error) {
    if (!(error instanceof Unanswered)) throw error;
  }
  if (run !== lookupRun) return;
  if (!document.hidden) lookupTimer = setTimeout(runLookup, LOOKUP_AGAIN_MS);
  if (found !== null) showLookup(wanted, found);
  else showMessage("There is no answer. Looking again soon.");
}

function showMessage(text) {
  setText(byId("found-message"), text);
  byId("found-message").hidden = text === "";
}

// --- what it looks like

const at = (asOf) => (asOf === "" ? "now" : `at ${utc(isoOf(asOf))}`);

function titleOf(id, { account, customer }) {
  if (account !== null && customer !== null) return `Account and customer ${id}`;
  if (account !== null) return `Account ${id}`;
  if (customer !== null) return `Customer ${id}`;
  return id;
}

function messageOf({ id, noTime }, { account, customer }) {
  if (account !== null || customer !== null)
    return noTime === "" ? "" : `“${noTime}” is no time. This is what is so now.`;
  return isInteger(id) ? `No account and no customer ${id} was ever seen.`
    : `No account ${id} was ever seen. (The id of a customer is a number.)`;
}

function showLookup(wanted, found) {
  const { id, asOf } = wanted, message = messageOf(wanted, found);
  if (byId("found-title").textContent !== titleOf(id, found))
    speak(message || `${titleOf(id, found)} is shown.`);
  setText(byId("found-title"), titleOf(id, found));
  showMessage(message);
  byId("as-of-form").hidden = found.account === null && found.customer === null;
  byId("as-of-now").disabled = asOf === "";
  const parts = [["account", found.account], ["customer", found.customer]]
    .filter(([, answers]) => answers !== null);
  keep(byId("found-parts"), parts, ([kind]) => kind, ([kind]) => makeFound(kind),
    (node, [kind, answers]) => {
      const cards = kind === "account" ? accountCards(id, answers, asOf)
        : customerCards(answers, asOf);
      changeFound(node, cards, lanesOf(kind, id, answers), asOf);
    });
}

function makeFound(kind) {
  return element("div", { class: "found" },
    element("div", { class: "cards" }),
    element("div", { class: "timeline" }, drawing("svg", { role: "img" })),
    element("details", {}, element("summary", {}, `Versions of this ${kind}`),
      element("div", { class: "scroll" }, element("table", {}, element("thead"),
        element("tbody"))), element("p", { class: "note" })));
}

function changeFound(node, cards, lanes, asOf) {
  const [cardBox, timeline, details] = node.children;
  keep(cardBox, cards, (c) => c.title, (c) => element("section", { "aria-label": c.title },
    element("h3", {}, c.title), element("p"), element("dl"), element("ul", { class: "links" }),
    element("button", { type: "button", click: showMoreAccounts }, "More accounts")),
  changeCard);
  showTimeline(timeline.firstChild, lanes, asOf);
  showVersions(details, lanes[0]?.versions ?? [], asOf);
}

function changeCard(section, card) {
  const [, message, terms, links, more] = section.children;
  setText(message, card.message ?? "");
  message.hidden = !card.message;
  setAttributes(message, { class: card.status ?? "note" });
  fillTerms(terms, card.terms ?? []);
  keep(links, card.links ?? [], (l) => l.id,
    (l) => element("li", {}, element("a", { href: `#${new URLSearchParams({ id: l.id })}` }, l.id),
      element("span", { class: "note" })),
    (li, l) => setText(li.lastChild, l.text));
  more.hidden = !card.hasMore;
}

function showMoreAccounts() {
  lookup.accounts = Math.min(lookup.accounts * 5, ACCOUNTS_MAX);
  runLookup();
}

const isTime = (text) => typeof text === "string" && /^\d{4}-\d\d-\d\dT.*Z$/.test(text);

function textOf(value) {
  if (value === null) return NOTHING;
  if (typeof value === "object") return JSON.stringify(value);
  return isTime(value) ? utc(value) : String(value);
}

const termsOf = (row) => Object.entries(row).map(([name, value]) => [name, textOf(value)]);

const NO_ROUTE = "no such resource"; // what an older version answers to a newer question

// A card of a row that is there, that is not there for a reason, or that cannot be had now.
function rowCard(title, answer, absent) {
  if (answer.status === 200) return { title, terms: termsOf(answer.body) };
  if (answer.status === 404 && answer.error !== NO_ROUTE) return { title, message: absent };
  return { title, message: `It cannot be had now: ${answer.error}`, status: "warn" };
}

function joinedAbsent(account, asOf) {
  if (account.row.status !== 200) return "None: there is no such account then.";
  return `None: customer ${account.row.body.customer_id} is not known ` +
    `${asOf === "" ? "yet" : "at that time"}. The account is an orphan` +
    `${asOf === "" ? " and joins the moment its customer comes." : " then."}`;
}

function summaryAbsent(account) {
  if (account.row.status !== 200) return "None: there is no such account then.";
  if (account.row.body.account_type !== "savings") return "None: only savings accounts have one.";
  return "None: there is no joined row.";
}

function endedText(versions, what) {
  const last = versions.body?.at?.(-1);
  if (last === undefined || last.valid_to_at === null) return `There is no such ${what} then.`;
  return `There is no such ${what}. Its last version ended ${utc(last.valid_to_at)}.`;
}

function accountCards(id, account, asOf) {
  return [
    rowCard(`Account ${at(asOf)}`, account.row, endedText(account.versions, "account")),
    rowCard("Joined row", account.joined, joinedAbsent(account, asOf)),
    rowCard("Summary", account.summary, summaryAbsent(account)),
    whyCard(account.why, asOf),
  ];
}

function customerCards(customer, asOf) {
  return [
    rowCard(`Customer ${at(asOf)}`, customer.row, endedText(customer.versions, "customer")),
    rowCard("Profile", customer.profile, customer.row.status === 200
      ? "None: the customer has no savings account then."
      : "None: there is no such customer then."),
    accountsCard(customer.accounts, asOf),
    whyCard(customer.why, asOf),
  ];
}

function accountsCard(answer, asOf) {
  const title = asOf === "" ? "Accounts" : "Accounts now";
  if (answer.status !== 200) return rowCard(title, answer, "None.");
  const { accounts: rows, next } = answer.body;
  return {
    title,
    message: rows.length === 0 ? "None." : next === null ? "" : `The first ${rows.length}:`,
    links: rows.map((row) => ({ id: row.account_id,
      text: [row.account_type, row.balance_amount].filter(Boolean).join(" ") })),
    hasMore: next !== null && lookup.accounts < ACCOUNTS_MAX,
  };
}

function recordTerms(name, record) {
  if (record === null || record === undefined) return [];
  if (record === "unknown") return [[`${name} record`, "not known"]];
  return [[`${name} record`, `${record.topic}/${record.partition}@${record.offset}`],
    [`${name} event`, utc(record.event_at)], [`${name} loaded`, utc(record.loaded_at)]];
}

function ratesTerms(rates) {
  if (rates === null || rates === undefined) return [];
  if (rates === "unknown") return [["rates", "not known"]];
  return [["tiers", rates.tiers], ["bonus", rates.bonus]];
}

function whyCard(answer, asOf) {
  const title = asOf === "" ? "Why" : "Why it is what it is now";
  if (answer.status !== 200) return rowCard(title, answer, "There is no row to explain.");
  const { account, customer, rates, calculated_at: calculated } = answer.body;
  return { title, terms: [
    ...recordTerms("account", account), ...recordTerms("customer", customer),
    ...ratesTerms(rates), ...(calculated ? [["calculated", utc(calculated)]] : []),
  ] };
}

// --- history, drawn in time

const versionText = (v) => ("account_type" in v ? `${v.account_type} ${v.balance_amount}`
  : `${v.customer_name}${v.has_loan_flag ? ", loan" : ""}`);

const holds = (version, ms) => ms >= Date.parse(version.valid_from_at) &&
  (version.valid_to_at === null || ms < Date.parse(version.valid_to_at));

function lanesOf(kind, id, answers) {
  const versionsOf = (answer) => (Array.isArray(answer?.body) ? answer.body : []);
  const lanes = [{ name: `${kind} ${id}`, versions: versionsOf(answers.versions) }];
  if (answers.owner !== undefined)
    lanes.push({ name: `customer ${answers.owner.id}`,
      versions: versionsOf(answers.owner.versions) });
  return lanes;
}

const LANE_HEIGHT = 44;
const LANES_TOP = 14; // above them is the word at the marker

// Round moments between two times, at most `most` of them: years, months, days, hours, minutes.
function ticksOf(from, to, most) {
  const minute = 60000, hour = 60 * minute, day = 24 * hour;
  const steps = [minute, 5 * minute, 15 * minute, hour, 3 * hour, 6 * hour, 12 * hour, day, 2 * day,
    7 * day];
  const step = steps.find((s) => (to - from) / s <= most);
  if (step !== undefined) {
    const first = Math.ceil(from / step) * step;
    return Array.from({ length: Math.floor((to - first) / step) + 1 }, (_, i) => first + i * step);
  }
  const months = [1, 3, 6, 12, 24, 60, 120, 600].find((m) =>
    (to - from) / (m * 30 * day) <= most) ?? 1200;
  const ticks = [];
  const start = new Date(from);
  for (let m = Math.ceil((start.getUTCFullYear() * 12 + start.getUTCMonth()) / months) * months;
    Date.UTC(Math.floor(m / 12), m % 12) <= to; m += months) {
    const tick = Date.UTC(Math.floor(m / 12), m % 12);
    if (tick >= from) ticks.push(tick);
  }
  return ticks;
}

function tickText(ms, span) {
  const text = utc(new Date(ms).toISOString());
  const day = 86400000;
  if (span > 3 * 365 * day && text.length === 10) return text.slice(0, 7);
  return span < 2 * day && text.length > 10 ? text.slice(11, 16) : text;
}

function showTimeline(svg, lanes, asOf) {
  const times = lanes.flatMap((l) => l.versions.map((v) => Date.parse(v.valid_from_at)));
  const shown = times.length > 0;
  svg.parentNode.hidden = !shown;
  if (!shown) return;
  const nowMs = Date.now();
  const asOfMs = asOf === "" ? null : Date.parse(isoOf(asOf));
  const first = Math.min(...times, asOfMs ?? Infinity);
  const last = Math.max(nowMs, ...times, asOfMs ?? -Infinity);
  const pad = Math.max((last - first) * 0.02, 1000), from = first - pad, to = last + pad;
  const width = Math.max(200, Math.floor(svg.parentNode.clientWidth));
  const xOf = (ms) => (ms - from) / (to - from) * width;
  const height = LANES_TOP + lanes.length * LANE_HEIGHT + 22;
  setAttributes(svg, { width, height, viewBox: `0 0 ${width} ${height}`,
    "aria-label": `History: ${lanes.map((l) => `${l.name}, ${plural(l.versions.length, "version")}`)
      .join("; ")}. The table of versions has all of it.` });
  svg.onclick = (event) => {
    const x = event.clientX - svg.getBoundingClientRect().left;
    goTo(lookup.id, new Date(Math.round((from + x / width * (to - from)) / 1000) * 1000)
      .toISOString().replace(".000Z", "Z"));
  };
  svg.replaceChildren(...timelineParts(lanes, { from, to, nowMs, asOfMs, xOf, width, height }));
  for (const text of svg.querySelectorAll("text[data-room]"))
    fit(text, text.textContent, Number(text.dataset.room));
}

function timelineParts(lanes, view) {
  const { from, to, nowMs, asOfMs, xOf, width, height } = view;
  const parts = [];
  for (const tick of ticksOf(from, to, Math.max(2, Math.floor(width / 110)))) {
    const x = xOf(tick).toFixed(1);
    parts.push(drawing("path", { class: "grid", d: `M${x} 0V${height - 18}` }));
    parts.push(drawing("text", { class: "tick", x: clamp(x, 32, width - 32), y: height - 5,
      "text-anchor": "middle" }, tickText(tick, to - from)));
  }
  lanes.forEach((lane, i) => parts.push(...laneParts(lane, LANES_TOP + i * LANE_HEIGHT, view)));
  parts.push(...markerParts(xOf(asOfMs ?? nowMs), asOfMs === null ? "now" : "as of", view));
  return parts;
}

function laneParts(lane, y, { xOf, nowMs, asOfMs, width }) {
  const parts = [drawing("text", { class: "lane", x: 0, y: y + 13, "data-room": width - 64 },
    lane.versions.length === 0 ? `${lane.name}: nothing known` : lane.name)];
  lane.versions.forEach((version, i) => {
    const start = Date.parse(version.valid_from_at);
    const end = version.valid_to_at === null ? Math.max(nowMs, start)
      : Date.parse(version.valid_to_at);
    const x = xOf(start), w = Math.max(2, xOf(end) - x - 1);
    const text = versionText(version);
    parts.push(drawing("g", { class: `version ${i % 2 ? "odd" : ""} ` +
      `${holds(version, asOfMs ?? nowMs) ? "holds" : ""}` },
      drawing("title", {}, `${text}, ${utc(version.valid_from_at)} to ` +
        `${version.valid_to_at === null ? "now" : utc(version.valid_to_at)}`),
      drawing("rect", { x: x.toFixed(1), y: y + 18, width: w.toFixed(1), height: 22, rx: 2 }),
      ...(w < 34 ? [] : [drawing("text", { x: (x + 5).toFixed(1), y: y + 33,
        "data-room": Math.floor(Math.min(w, width - x) - 10) }, text)])));
  });
  return parts;
}

function markerParts(x, word, { width, height }) {
  const isLeft = x > width - 60;
  return [drawing("path", { class: "marker", d: `M${x.toFixed(1)} 0V${height - 18}` }),
    drawing("text", { class: "marker", x: (x + (isLeft ? -5 : 5)).toFixed(1), y: 11,
      "text-anchor": isLeft ? "end" : "start" }, word)];
}

// Newest first. The button of a version shows everything as of its first moment.
function showVersions(details, versions, asOf) {
  const [summary, box, note] = details.children;
  const [head, body] = box.firstChild.children;
  const shown = [...versions].reverse().slice(0, VERSIONS_SHOWN);
  const asOfMs = asOf === "" ? Date.now() : Date.parse(isoOf(asOf));
  const names = Object.keys(versions[0] ?? {});
  details.hidden = versions.length === 0;
  setText(summary, plural(versions.length, "version"));
  keep(head, [names], () => "names", () => element("tr"), (tr) =>
    keep(tr, [...names, "as of"], (n) => n, (n) => element("th", { scope: "col" }, n)));
  keep(body, shown, (v) => v.valid_from_at, (v) => element("tr", {}, ...names.map(() =>
    element("td")), element("td", {}, element("button", { type: "button",
      click: () => goTo(lookup.id, v.valid_from_at.replace(".000Z", "Z")) }, "Show"))),
  (tr, version) => {
    names.forEach((name, i) => setText(tr.children[i], textOf(version[name])));
    setAttributes(tr.lastChild.firstChild,
      { "aria-label": `Show as of ${utc(version.valid_from_at)}` });
    setAttributes(tr, { class: holds(version, asOfMs) ? "holds" : null });
  });
  setText(note, versions.length > shown.length
    ? `The newest ${shown.length} of ${grouped(versions.length)}.` : "");
}

function startLookup() {
  byId("find").addEventListener("submit", (event) => {
    event.preventDefault();
    const id = byId("find-id").value.trim();
    goTo(id, id === lookup?.id ? lookup.asOf : "");
    if (id !== "") byId("found-title").focus();
  });
  const setAsOf = () => {
    const value = byId("as-of").value;
    if (lookup !== null) goTo(lookup.id, value === "" ? "" : `${value}Z`);
  };
  byId("as-of").addEventListener("change", setAsOf);
  byId("as-of-form").addEventListener("submit", (event) => {
    event.preventDefault();
    setAsOf();
  });
  byId("as-of-now").addEventListener("click", () => goTo(lookup.id, ""));
  byId("found-close").addEventListener("click", () => {
    goTo("", "");
    byId("find-id").focus();
  });
  addEventListener("hashchange", onAddress);
  addEventListener("popstate", onAddress);
}
