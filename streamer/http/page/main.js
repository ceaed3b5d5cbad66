
// --- main: asks for the state every two seconds, and shows it.

const EVERY_MS = 2000;
const HISTORY_EVERY_MS = 10000;
const LONGEST_PAUSE_MS = 30000;

let view = null; // what was shown last
let shownAtMs = null; // when it came, by this browser's clock
let hourly = null; // the last hour, merged
let hourlyAtMs = -Infinity;
let failures = 0; // answers in a row that did not come, or were none
let failedText = "";
let nextAtMs = 0; // when the next question goes out
let timer = null;
let isAsking = false;
let isWantedAgain = false; // somebody wants an answer to a newer question than the one under way

function showAll() {
  showConnection();
  byId("all").hidden = view === null;
  if (view === null) return;
  showName(view);
  showGraph(view);
  showInstances(view);
  showInputs(view);
  showTasks(view);
  showState(view);
  showQuality(view);
  showQuarantine(view);
  showCharts(hourly);
}

// --- the connection, in words

// The first of all problems: that the page does not know more.
function connectionProblem(nowMs) {
  const again = `next try in ${age(Math.ceil(Math.max(0, nextAtMs - nowMs) / 1000))}`;
  const common = { key: "connection", since: null, of: "" };
  if (view === null) return { ...common, status: "warn", text: `${failedText}, ${again}` };
  const silent = age(Math.floor((nowMs - shownAtMs) / 1000));
  return { ...common, status: "fail", text: `no answer for ${silent}, showing the state of ` +
    `${clock(shownAtMs)} (${failedText}, ${again})` };
}

function showConnection() {
  const nowMs = Date.now();
  const isWaiting = !byId("login").hidden;
  byId("wrong").hidden = isWaiting;
  byId("find").hidden = isWaiting;
  setText(byId("connection"), shownAtMs === null ? "" : `state of ${clock(shownAtMs)}`);
  if (view !== null || failures > 0)
    showProblems([...(failures > 0 ? [connectionProblem(nowMs)] : []), ...view?.problems ?? []],
      view?.nowMs ?? nowMs);
}

function onFailure(text) {
  failures++;
  failedText = text;
  document.body.classList.toggle("stale", view !== null);
  if (failures === 1 && view !== null) speak("The instance does not answer any more.");
}

function onAnswer() {
  if (failures > 0 && view !== null) speak("The instance answers again.");
  failures = 0;
  shownAtMs = Date.now();
  document.body.classList.remove("stale");
}

// --- the token

function askForToken(isWrong) {
  view = null;
  closeLookup();
  byId("login").hidden = false;
  showAll();
  setText(byId("login-error"), isWrong ? "This is not the token." : "");
  if (isWrong) sessionStorage.removeItem(TOKEN);
  byId("token").focus();
}

function startLogin() {
  byId("login-form").addEventListener("submit", (event) => {
    event.preventDefault();
    sessionStorage.setItem(TOKEN, byId("token").value.trim());
    byId("token").value = "";
    poll();
  });
  byId("logout").addEventListener("click", () => {
    sessionStorage.removeItem(TOKEN);
    location.reload();
  });
}

// --- polling

async function askStatus() {
  const withHistory = Date.now() - hourlyAtMs >= HISTORY_EVERY_MS;
  const answer = await ask(`/v1/status?all=true${withHistory ? "&history=true" : ""}`);
  if (answer.status === 401) return askForToken(token() !== null);
  if (answer.status !== 200) return onFailure(answer.error);
  byId("login").hidden = true;
  byId("logout").hidden = token() === null;
  onAnswer();
  view = merge(answer.body.instances);
  if (withHistory) {
    hourly = mergeHistory(answer.body.instances.map((i) => i.answer?.history));
    hourlyAtMs = Date.now();
  }
  showAll();
  speakProblems(view);
  if (lookup === null && location.hash !== "") onAddress();
  return undefined;
}

async function askChecks() {
  if (!byId("checks").open || view === null) return;
  const answer = await ask("/v1/quality?all=true");
  if (answer.status === 200) showChecks(answer.body.instances, view.nowMs);
  else setText(byId("checks-message"), `The report cannot be had now: ${answer.error}`);
}

const pauseMs = () => (failures === 0 ? EVERY_MS
  : Math.min(LONGEST_PAUSE_MS, EVERY_MS * 2 ** (failures - 1)));

async function poll() {
  isWantedAgain = isAsking;
  if (isAsking) return;
  isAsking = true;
  clearTimeout(timer);
  try {
    await askStatus();
    if (failures === 0) await askChecks();
  } catch (error) {
    if (!(error instanceof Unanswered)) throw error;
    onFailure(error.message);
  } finally {
    isAsking = false;
    planNext();
    if (isWantedAgain) poll();
  }
}

// Nothing is asked while nobody looks, or while the page waits for its token.
function planNext() {
  nextAtMs = Date.now() + pauseMs();
  showConnection();
  if (!document.hidden && byId("login").hidden) timer = setTimeout(poll, pauseMs());
}

function start() {
  setText(byId("zone"), Intl.DateTimeFormat().resolvedOptions().timeZone);
  startLogin();
  startLookup();
  byId("checks").addEventListener("toggle", poll);
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (document.hidden) return;
    poll();
    if (lookup !== null) runLookup();
  });
  new ResizeObserver(() => {
    if (view !== null) showAll();
  }).observe(document.body);
  setInterval(() => {
    if (failures > 0) showConnection();
  }, 1000);
  poll();
}

start();
