
// --- merge: what all instances say together. An instance covers its own partitions, so counts add
// up, and a status is the worst one.

const WORST_FIRST = ["fail", "warn", "pass"];
const rank = (status) => WORST_FIRST.indexOf(status);
const known = (values) => values.filter((v) => v !== null && v !== undefined);
const sum = (values) => (known(values).length === 0 ? null
  : known(values).reduce((a, b) => a + b, 0));
const greatest = (values) => known(values).reduce((a, b) => (a === null || b > a ? b : a), null);
const least = (values) => known(values).reduce((a, b) => (a === null || b < a ? b : a), null);

function groupBy(items, keyOf) {
  const groups = new Map();
  for (const item of items) {
    const key = keyOf(item);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(item);
  }
  return [...groups.values()];
}

const hostOf = (url) => url.replace(/^https?:\/\//, "");

function nameOf(instance) {
  if (instance.url !== null) return hostOf(instance.url);
  if (instance.self) return instance.answer?.instance || "this instance";
  return "an instance whose address is not known";
}

// An instance lists its problems itself, unless it does not answer. Whose partitions they are is
// not known for a moment whenever the instances share them out anew.
function problemsOf(instance) {
  if (instance.answer !== null) return instance.answer.problems ?? [];
  const isUnknown = instance.url === null;
  const name = isUnknown ? partitionsOf(instance) : nameOf(instance);
  return [{ status: isUnknown ? "warn" : "fail", subject: "instance", since: null,
    text: `${name}: ${instance.error}` }];
}

function partitionsOf({ partitions }) {
  if (partitions.length === 0) return "no partition";
  return `${partitions.length === 1 ? "partition" : "partitions"} ${ranges(partitions)}`;
}

// The same problem of several instances is told once. `of` names the instances, where not all have
// it.
function mergeProblems(instances) {
  const all = instances.flatMap((instance) => problemsOf(instance).map((problem) =>
    ({ ...problem, of: nameOf(instance), isSelf: instance.answer !== null })));
  return groupBy(all, (p) => `${p.subject} ${p.text} ${p.status}`).map((group) => ({
    ...group[0],
    key: `${group[0].subject} ${group[0].text}`,
    since: least(group.map((p) => p.since)),
    of: group.length === instances.length || !group[0].isSelf ? ""
      : group.map((p) => p.of).join(", "),
  })).sort((a, b) => rank(a.status) - rank(b.status));
}

function mergeInputs(answers) {
  return groupBy(answers.flatMap((a) => a.inputs ?? []), (i) => i.entity).map((group) => {
    const worst = [...group].sort((a, b) => rank(a.status) - rank(b.status))[0];
    return {
      ...worst,
      lag_records: sum(group.map((i) => i.lag_records)),
      newest_record_at: greatest(group.map((i) => i.newest_record_at)),
      newest_event_at: greatest(group.map((i) => i.newest_event_at)),
    };
  });
}

const added = (group) => ({ ...group[0], records: sum(group.map((g) => g.records)),
  per_second: sum(group.map((g) => g.per_second)) });

function mergeQuarantine(answers) {
  const all = answers.map((a) => a.quarantine).filter(Boolean);
  return {
    total: sum(all.map((q) => q.total)),
    codes: groupBy(all.flatMap((q) => q.by_code), (c) => `${c.entity} ${c.code}`).map(added)
      .sort((a, b) => b.records - a.records),
    newest: all.flatMap((q) => q.newest).sort((a, b) => (a.at < b.at ? 1 : -1)).slice(0, 10),
  };
}

const layerAt = (layer) => [...LAYERS, "pipeline"].indexOf(layer);

// The same check of several instances is one check: it is as bad as the worst.
function mergeQuality(instances) {
  const reached = instances.filter((i) => i.answer?.quality);
  if (reached.length === 0) return null;
  const all = reached.flatMap((i) => i.answer.quality.failures.map((f) =>
    ({ ...f, of: reached.length > 1 ? nameOf(i) : "" })));
  const failures = groupBy(all, (f) => f.id).map((group) => {
    const sorted = group.sort((a, b) => rank(a.status) - rank(b.status));
    return { ...sorted[0], of: sorted.map((f) => f.of).filter(Boolean).join(", ") };
  }).sort((a, b) => rank(a.status) - rank(b.status) || layerAt(a.layer) - layerAt(b.layer));
  return { total: greatest(reached.map((i) => i.answer.quality.summary.total)), failures };
}

// Series of equal steps, the newest value last. An instance that has just begun has none yet.
function mergeHistory(histories) {
  const all = histories.filter((h) => Boolean(h?.until));
  if (all.length === 0) return null;
  const newest = greatest(all.map((h) => Date.parse(h.until)));
  const step = all[0].step_seconds;
  const series = {};
  for (const name of Object.keys(all[0].series)) {
    const together = name.startsWith("latency") ? greatest : sum;
    const columns = all.map((h) => {
      const behind = Math.round((newest - Date.parse(h.until)) / 1000 / step);
      return [...h.series[name] ?? [], ...Array(behind).fill(null)].slice(behind);
    });
    series[name] = columns[0].map((_, i) => together(columns.map((c) => c[i])));
  }
  return { step, until: newest, series };
}

function mergeState(answers) {
  const all = answers.map((a) => a.state).filter(Boolean);
  const outdated = (entity) => sum(all.map((s) => s.outdated_rows?.[entity]));
  return { bytes: sum(all.map((s) => s.bytes)), orphans: sum(all.map((s) => s.orphan_accounts)),
    outdated: { customers: outdated("customers"), accounts: outdated("accounts") } };
}

// `instances` as /v1/status?all=true lists them.
function merge(instances) {
  const answers = instances.map((i) => i.answer).filter((a) => a !== null);
  const self = (instances.find((i) => i.self) ?? instances[0]).answer ?? answers[0];
  return {
    instances,
    app: self.app,
    self,
    nowMs: Date.parse(self.timestamp),
    problems: mergeProblems(instances),
    nodes: groupBy(answers.flatMap((a) => a.nodes ?? []), (n) => n.id).map(added),
    edges: groupBy(answers.flatMap((a) => a.edges ?? []), (e) => `${e.from} ${e.to}`).map(added),
    tasks: instances.flatMap((i) => (i.answer?.tasks ?? []).map((t) => ({ ...t, of: nameOf(i) }))),
    tasksTotal: sum(answers.map((a) => a.tasks_total)) ?? 0,
    inputs: mergeInputs(answers),
    quarantine: mergeQuarantine(answers),
    quality: mergeQuality(instances),
    state: mergeState(answers),
  };
}
