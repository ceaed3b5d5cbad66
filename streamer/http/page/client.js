
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

// There is no answer; the message says why.
class Unanswered extends Error {}

async function fetchText(path) {
  const headers = token() === null ? {} : { Authorization: `Bearer ${token()}` };
  try {
    const response = await fetch(path, {
      headers, cache: "no-store", credentials: "omit", redirect: "error",
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    return { status: response.status, text: await response.text() };
  } catch (error) {
    throw new Unanswered(error.name === "TimeoutError" ? "it takes too long"
      : "the instance cannot be reached");
  }
}

// {status, body, error}: the body is null if it is no JSON; `error` is in words.
async function ask(path, parse = JSON.parse) {
  const { status, text } = await fetchText(path);
  const body = parseOrNull(parse, text);
  return { status, body, error: body?.error ?? `HTTP ${status}` };
}
