
// --- sections: the parts of the page that are texts, lists and tables. What is well is said
// quietly, or not at all.

const badge = (status) => element("span", { class: `badge ${status}` }, statusWord(status));

function setBadge(node, status) {
  setText(node, statusWord(status));
  setAttributes(node, { class: `badge ${status === "error" ? "fail" : status}` });
}

function showProblems(problems, nowMs) {
  const list = byId("problems");
  setAttributes(byId("wrong"), { class: problems[0]?.status ?? "pass" });
  setText(byId("wrong-title"), problems.length === 0 ? "Nothing is wrong" : "What is wrong");
  keep(list, problems, (p) => p.key,
    () => element("li", {}, badge("warn"), element("p", {}, element("strong"), " ",
      element("span"))),
    (li, problem) => {
      const [status, { children: [text, note] }] = li.children;
      setBadge(status, problem.status);
      setText(text, problem.text);
      const ms = timeOf(problem.since);
      const age = ms === null ? "" : `${since(problem.since, nowMs)}, ${agoOf(ms, nowMs)}`;
      const check = problem.subject?.includes(".") ? problem.subject : "";
      setText(note, [check, age, problem.of && `on ${problem.of}`].filter(Boolean).join(", "));
    });
  showInTab(problems);
}

// The tab's title and picture tell what is wrong while the tab is in the background.
function showInTab(problems) {
  const worst = problems[0]?.status ?? "pass";
  const colour = { pass: "%23888", warn: "%23d98200", fail: "%23d3302f" }[worst];
  document.title = problems.length === 0 ? app
    : `(${problems.length}) ${problems[0].text} – ${app}`;
  setAttributes(byId("icon"), { href: "data:image/svg+xml," +
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'>" +
    `<circle cx='8' cy='8' r='6' fill='${colour}'/></svg>` });
}

let app = "streamer";
let spokenProblems = null;

// Tells screen readers what became wrong and what is well again; not that an age grew.
function speakProblems(view) {
  const now = new Map(view.problems.map((p) => [p.subject, p.text]));
  if (spokenProblems === null) {
    speak(now.size === 0 ? "Nothing is wrong."
      : `${plural(now.size, "problem")}: ${[...now.values()].join("; ")}`);
  } else {
    const parts = [["New", textsOutside(now, spokenProblems)],
      ["Over", textsOutside(spokenProblems, now)]].filter(([, texts]) => texts !== "");
    if (parts.length > 0) speak(parts.map(([word, texts]) => `${word}: ${texts}.`).join(" "));
  }
  spokenProblems = now;
}

// The texts of subjects that another map does not have.
function textsOutside(problems, others) {
  return [...problems].filter(([subject]) => !others.has(subject)).map(([, text]) => text)
    .join("; ");
}

function speak(text) {
  setText(byId("spoken"), text);
}

function showName(view) {
  app = view.app;
  setText(byId("app"), view.app);
  const { self } = view;
  setText(byId("instance"), view.instances.length > 1
    ? `version ${self.version}, ${view.instances.length} instances`
    : `version ${self.version}, ${stateOf(view.instances[0], view.nowMs)}`);
}

function stateOf(instance, nowMs) {
  const { answer } = instance;
  if (answer === null) return instance.url === null ? "not known" : "does not answer";
  return `${answer.ready ? "running" : answer.reason} ${since(answer.since, nowMs)}`;
}

function showInstances(view) {
  byId("instances").hidden = view.instances.length < 2;
  keep(byId("instance-list"), view.instances, (i) => `${i.url} ${i.self} ${i.error}`,
    () => element("li", {}, element("div", { class: "title" }, element("strong"),
      element("span", { class: "state" })), element("p", { class: "note" })),
    (li, instance) => {
      const { answer } = instance;
      const [name, state] = li.firstChild.children;
      setText(name, nameOf(instance));
      setText(state, stateOf(instance, view.nowMs));
      setAttributes(state, { class: answer === null ? "fail" : answer.ready ? "" : "warn" });
      const consumed = answer === null ? null : sum((answer.nodes ?? [])
        .filter((n) => n.layer === "source").map((n) => n.per_second));
      setText(li.lastChild, [
        partitionsOf(instance),
        ...(answer === null ? [instance.error]
          : [`${rate(consumed)} consumed`, `up ${age(answer.uptime_seconds)}`,
            answer.version === view.self.version ? "" : `version ${answer.version}`,
            instance.self ? "gives this page" : ""]),
      ].filter(Boolean).join(" · "));
    });
}

function showInputs(view) {
  fillTable(byId("inputs"), view.inputs.map((input) => {
    const cell = (iso) => (timeOf(iso) === null ? "none yet" : agoOf(timeOf(iso), view.nowMs));
    const is = input.status === "pass" ? "" : input.status;
    const isOld = is === "" ? ""
      : `, ${statusWord(input.status)} ${since(input.since, view.nowMs)}`;
    return { key: input.entity, cells: [
      input.topic,
      { text: cell(input.newest_record_at) + isOld, class: is },
      cell(input.newest_event_at),
      { text: count(input.lag_records), number: true }] };
  }));
}

const PHASES = {
  connecting: "waits for its group", restoring: "restores its state", waiting: "waits",
  retrying: "tries again after an error", stopped: "has stopped",
};

function restoreText(task) {
  if (task.remaining === null) return `${count(task.restored)} records, the end is not known yet`;
  return `${count(task.restored)} of ${count(task.restored + task.remaining)} records`;
}

// Tasks that run are one line. Each other one has its own.
function showTasks(view) {
  const running = view.tasks.filter((t) => t.phase === "running");
  const others = view.tasks.filter((t) => t.phase !== "running");
  const partitions = ranges(running.map((t) => t.partition));
  setText(byId("tasks-running"), running.length === 0 ? "No task is running."
    : `${running.length === 1 ? "Partition" : "Partitions"} ${partitions}: running`);
  setAttributes(byId("tasks-running"), { class: running.length === 0 ? "warn" : null });
  keep(byId("tasks"), others, (t) => `${t.of} ${t.partition}`,
    () => element("li", {}, element("div", { class: "title" }, element("strong"),
      element("span", { class: "warn" })), element("progress"), element("span", { class: "note" })),
    (li, task) => {
      const [title, progress, note] = li.children;
      setText(title.firstChild, `Partition ${task.partition}`);
      setText(title.lastChild, PHASES[task.phase] ?? task.phase);
      const isRestoring = task.phase === "restoring";
      progress.hidden = !isRestoring;
      setAttributes(progress, {
        "aria-label": `Restore of partition ${task.partition}`,
        max: task.remaining === null ? null : Math.max(1, task.restored + task.remaining),
        value: task.remaining === null ? null : task.restored,
      });
      setText(note, [isRestoring ? restoreText(task) : "",
        view.instances.length > 1 ? `on ${task.of}` : ""].filter(Boolean).join(", "));
    });
  const more = view.tasksTotal - view.tasks.length;
  byId("tasks-more").hidden = more <= 0;
  setText(byId("tasks-more"), `and ${plural(more, "more task")} not listed here`);
}

function showState(view) {
  const { bytes: size, orphans, outdated } = view.state;
  const late = (n) => (n > 0 ? "warn" : null);
  fillTerms(byId("state"), [
    ["On disk", bytes(size)],
    ["Orphan accounts", count(orphans)],
    ["Outdated customers", count(outdated.customers), late(outdated.customers)],
    ["Outdated accounts", count(outdated.accounts), late(outdated.accounts)],
  ]);
}

function showQuarantine(view) {
  const { total, codes, newest } = view.quarantine;
  setText(byId("quarantine-summary"),
    total > 0 ? `${plural(total, "record")} rejected since the start` : "No record was rejected.");
  byId("quarantine-codes-box").hidden = codes.length === 0;
  byId("quarantine-newest-box").hidden = newest.length === 0;
  fillTable(byId("quarantine-codes"), codes.map((c) => ({ key: `${c.entity} ${c.code}`,
    cells: [c.entity, c.code, { text: count(c.records), number: true }] })));
  keep(byId("quarantine-newest"), newest, (s) => `${s.topic}/${s.partition}@${s.offset}`,
    () => element("li", {}, element("span"), element("span", { class: "note" })),
    (li, sample) => {
      setText(li.firstChild, sample.reason);
      const id = sample.id === null ? "" : ` · id ${sample.id}`;
      setText(li.lastChild, `${agoOf(timeOf(sample.at), view.nowMs)} · ` +
        `${sample.topic}/${sample.partition}@${sample.offset}${id}`);
    });
}

function makeCheck() {
  return element("li", {}, element("div", { class: "title" }, element("strong"), badge("pass")),
    element("p"), element("p", { class: "note" }), element("ul", { class: "samples" }));
}

const valueOf = (text) => (text === null || text === undefined ? "" : String(text));

function sampleText(sample) {
  const table = { customers: "customer ", accounts: "account " }[sample.table] ?? "";
  const place = sample.id === null ? `partition ${sample.partition}` : table + sample.id;
  const values = [valueOf(sample.expected) && `expected ${sample.expected}`,
    valueOf(sample.found) && `found ${sample.found}`].filter(Boolean).join(", ");
  return `${place}: ${sample.what}${values && `: ${values}`}`;
}

function changeCheck(li, check, nowMs) {
  const [title, message, note, samples] = li.children;
  const isWell = check.status === "pass";
  setAttributes(li, { class: isWell ? "well" : null });
  setText(title.firstChild, check.id);
  setBadge(title.lastChild, check.status);
  title.lastChild.hidden = isWell;
  setText(message, check.message ?? "");
  message.hidden = isWell || !check.message;
  const ms = timeOf(check.since);
  const from = ms === null ? "" : `${since(check.since, nowMs)}, ${agoOf(ms, nowMs)}`;
  const looked = check.counts === undefined ? "" : `${count(check.counts.looked_at)} looked at`;
  setText(note, (isWell ? [looked] : [from, looked, check.of && `on ${check.of}`])
    .filter(Boolean).join(" · "));
  keep(samples, (check.samples ?? []).map((s, i) => ({ key: i, text: sampleText(s) })),
    (s) => s.key, () => element("li"), (item, s) => setText(item, s.text));
}

function qualityText({ total, failures }) {
  const failed = failures.filter((f) => f.status === "fail").length;
  const warned = failures.length - failed;
  if (failures.length === 0) return `All ${count(total)} checks pass.`;
  return [failed > 0 ? `${count(failed)} ${failed === 1 ? "fails" : "fail"}` : "",
    warned > 0 ? `${count(warned)} ${warned === 1 ? "warns" : "warn"}` : ""]
    .filter(Boolean).join(", ") + ` of ${plural(total, "check")}.`;
}

function showQuality(view) {
  const { quality } = view;
  setText(byId("quality-summary"),
    quality === null || quality.total === 0 ? "No check has run yet." : qualityText(quality));
  keep(byId("failures"), quality?.failures ?? [], (f) => f.id, makeCheck,
    (li, check) => changeCheck(li, check, view.nowMs));
}

// `instances` as /v1/quality?all=true lists them. Layers that fail come first.
function showChecks(instances, nowMs) {
  const checks = instances.filter((i) => i.answer !== null).flatMap((i) =>
    Object.values(i.answer.layers).flatMap((layer) => layer.checks)
      .map((check) => ({ ...check, of: instances.length > 1 ? nameOf(i) : "" })));
  const layers = groupBy(checks, (c) => c.layer).map((group) => ({
    layer: group[0].layer,
    checks: group.sort((a, b) => rank(a.status) - rank(b.status)),
    worst: Math.min(...group.map((c) => rank(c.status))),
  })).sort((a, b) => a.worst - b.worst || layerAt(a.layer) - layerAt(b.layer));
  setText(byId("checks-message"), "");
  keep(byId("check-layers"), layers, (l) => l.layer,
    (l) => element("section", { "aria-label": `Checks of ${l.layer}` }, element("h3", {}, l.layer),
      element("ul", { class: "rows" })),
    (section, l) => keep(section.lastChild, l.checks, (c) => `${c.id} ${c.of}`, makeCheck,
      (li, check) => changeCheck(li, check, nowMs)));
}
