
// --- client: questions to the instance that the page came from. It asks no other place.

const TOKEN = "streamer.token"; // in sessionStorage, which ends with the tab
const ANSWER_MS = 10000;

const token = () => sessionStorage.getItem(TOKEN);

// Rows hold ids and amounts of more digits than a number of JavaScript has, so their numbers are
// read as texts.
function parseRows(text) {
  const tokens = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
  return JSON.parse(text.replace(tokens, (t) => (t[0] === '"' ? t : `"${t}"`)));
}

function parseOrNull(parse, text) {
  try {
    return parse(text);
  } catch {
    return null;
  }
}

// {status, body, error}: the body is null if it is no JSON; `error` is in words. Throws if there is
// no answer.
async function ask(path, parse = JSON.parse) {
  const headers = token() === null ? {} : { Authorization: `Bearer ${token()}` };
  const response = await fetch(path, {
    headers, cache: "no-store", credentials: "omit", redirect: "manual",
    signal: AbortSignal.timeout(ANSWER_MS),
  });
  if (response.type === "opaqueredirect")
    return { status: 307, body: null, error: "another instance has this id, and this one sends " +
      "browsers there: set http.forward=proxy to see it here" };
  const body = parseOrNull(parse, await response.text());
  return { status: response.status, body, error: body?.error ?? `HTTP ${response.status}` };
}
