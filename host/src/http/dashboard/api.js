// The public API of the host, as every client has it: requests, problems, the token, and events.

import { answer } from "./dom.js";

const TOKEN = "au-host-token";
/** How far this machine's clock is behind the host's, in milliseconds. */
let behind = 0;
let asking = null;
/** Whether the user has none to give; asked again only by the button. */
let declined = false;

/** A problem that the API told of, or that it could not be reached: what, why, and what to do. */
export class Problem extends Error {
  constructor({ title, detail, status, code, try: advice, request_id: requestId, failure }) {
    super(detail || title);
    Object.assign(this, { title, detail, status, code, advice, requestId, failure });
  }
}

/** The time, by the host's clock. */
export function now() {
  return Date.now() + behind;
}

/**
 * Asks the API. Where it wants a token the user is asked for one, and it is asked again.
 * @returns {Promise<Response>} an answer that is no problem
 */
export async function ask(path, { method = "GET", body, headers = {}, signal } = {}) {
  for (;;) {
    const used = token();
    const response = await send(path, { method, body, signal, headers: { ...headers, ...authorization(used) } });
    if (response.ok) return response;
    const problem = await problemOf(response);
    if (response.status !== 401 || !(await askForToken(used, problem.detail))) throw problem;
  }
}

/** The JSON of an answer, whose numbers may be rounded: for what the host says itself. */
export async function json(path, options) {
  return (await ask(path, options)).json();
}

/** A path of the API with its parts escaped. */
export function path(strings, ...parts) {
  return strings.reduce((all, text, at) => all + encodeURIComponent(parts[at - 1]) + text);
}

async function send(url, options) {
  try {
    const response = await fetch(url, { ...options, cache: "no-store", credentials: "omit", redirect: "error" });
    const date = Date.parse(response.headers.get("date") ?? "");
    // The header has whole seconds: less than that is no difference.
    if (date && Math.abs(date - Date.now()) > 2000) behind = date - Date.now();
    return response;
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Problem({
      title: "no answer",
      code: "unreachable",
      detail: "the host does not answer",
      try: "see that `au-host serve` runs; this page goes on by itself once it does",
    });
  }
}

async function problemOf(response) {
  const said = await response.json().catch(() => null);
  return new Problem(said ?? { title: `status ${response.status}`, status: response.status, detail: response.statusText });
}

function token() {
  return sessionStorage.getItem(TOKEN);
}

function authorization(used) {
  return used ? { authorization: `Bearer ${used}` } : {};
}

/** Asks for a token; requests that come meanwhile wait for the same answer. Whether it is worth trying again. */
function askForToken(used, why) {
  if (token() !== used) return true;
  if (declined) return false;
  asking ??= changeToken(why).then((given) => !(declined = !given)).finally(() => (asking = null));
  return asking;
}

/** Lets the user give a token, or take it away. Whether there is another one now. */
export async function changeToken(why) {
  const dialog = document.getElementById("token-dialog");
  const input = document.getElementById("token-input");
  if (why) document.getElementById("token-why").textContent = `The host says: ${why}. \`au-host token\` makes a token.`;
  input.value = token() ?? "";
  if (dialog.open || (await answer(dialog)) !== "ok") return false;
  declined = false;
  // What a header cannot hold was no token.
  const given = input.value.replace(/[^\x21-\x7e]/g, "");
  if (given) sessionStorage.setItem(TOKEN, given);
  else sessionStorage.removeItem(TOKEN);
  return true;
}

/**
 * Follows a job until all is heard. Not by EventSource, which cannot send a token.
 * @param {(kind: string, data: any) => void} heard
 * @param {(connected: boolean) => void} live
 */
export async function follow(id, heard, live, signal) {
  let last = null;
  while (!signal.aborted) {
    try {
      const headers = last ? { "last-event-id": last } : {};
      const response = await ask(path`/v1/jobs/${id}/events`, { headers, signal });
      if (response.status === 204) return;
      live(true);
      for await (const event of events(response.body)) {
        last = event.id ?? last;
        heard(event.kind, JSON.parse(event.data));
        if (event.kind === "status" && JSON.parse(event.data).finished) return;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error.status && error.status !== 429 && error.status < 500) throw error;
    }
    live(false);
    await pause(1000, signal);
  }
}

/** The events of a stream, as the HTML standard reads them. */
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const pieces = (text + value).split("\n\n");
    text = pieces.pop();
    for (const piece of pieces) {
      const event = read(piece);
      if (event.data !== undefined) yield event;
    }
  }
}

function read(piece) {
  const event = { kind: "message" };
  for (const line of piece.split("\n")) {
    const [, field, value] = /^([^:]*): ?(.*)$/.exec(line) ?? [];
    if (field === "event") event.kind = value;
    if (field === "id") event.id = value;
    if (field === "data") event.data = event.data === undefined ? value : `${event.data}\n${value}`;
  }
  return event;
}

/** Rests; less long if it is over. */
export function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}

/** Does it again and again, after a rest each time, as long as the page is looked at. A problem is told, and it goes on. */
export async function repeatedly(milliseconds, work, failed, signal) {
  for (;;) {
    await pause(milliseconds, signal);
    if (signal.aborted) return;
    try {
      if (!document.hidden) await work();
    } catch (error) {
      if (!signal.aborted) failed(error);
    }
  }
}
