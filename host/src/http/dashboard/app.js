// Which page is shown, the keys, and what surrounds all pages. The address after `#` is all there is to know of a page.

import { changeToken } from "./api.js";
import { answer, fill, h, say } from "./dom.js";
import { job } from "./job.js";
import { jobs } from "./jobs.js";
import { modules } from "./modules.js";
import { overview } from "./overview.js";
import { problemView } from "./problem.js";
import { queues } from "./queues.js";
import { run } from "./run.js";
import { schedules } from "./schedules.js";
import { workers } from "./workers.js";

/** Pages by their address; each shows itself in `main`, and ends when its signal says so. */
const PAGES = [
  [/^\/jobs$/, jobs],
  [/^\/jobs\/([^/]+)$/, job],
  [/^\/modules$/, modules],
  [/^\/modules\/([^/]+)\/([^/]+)$/, run],
  [/^\/schedules$/, schedules],
  [/^\/queues$/, queues],
  [/^\/workers$/, workers],
  [/^\/overview$/, overview],
];
const main = document.getElementById("main");
let leaving = new AbortController();
let shownPath = null;

async function show() {
  const address = location.hash.slice(1) || "/jobs";
  const [path, query = ""] = address.split(/\?(.*)/s);
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const [page, parts] = pageAt(path);
  mark(path);
  if (path !== shownPath) say("");
  try {
    await page({ main, parts, query: new URLSearchParams(query), signal });
  } catch (error) {
    if (!signal.aborted) fill(main, h("h1", { tabindex: -1 }, "That did not work"), problemView(error));
  }
  if (signal.aborted) return;
  main.removeAttribute("aria-busy");
  // A filter keeps the focus where it is; another page takes it to its heading.
  if (shownPath !== null && path !== shownPath) main.querySelector("h1")?.focus();
  shownPath = path;
}

function pageAt(path) {
  for (const [pattern, page] of PAGES) {
    const found = pattern.exec(path);
    if (found) return [page, found.slice(1).map(decoded)];
  }
  return [nowhere, []];
}

/** A part of the address as it was before it was escaped; one that is not well escaped is taken as it is. */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function nowhere({ main }) {
  fill(main, h("h1", { tabindex: -1 }, "There is no such page"), h("p", {}, h("a", { href: "#/jobs" }, "All jobs")));
}

function mark(path) {
  for (const link of document.querySelectorAll("nav a")) {
    const current = path.startsWith(link.getAttribute("href").slice(1));
    if (current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

const KEYS = {
  "/": () => main.querySelector("[data-first]")?.focus(),
  j: () => move(1),
  k: () => move(-1),
  x: () => row()?.querySelector("input[type=checkbox]")?.click(),
  c: () => main.querySelector("[data-key=c]:not([disabled])")?.click(),
  Enter: () => document.activeElement === row() && row()?.querySelector("a")?.click(),
  "?": help,
};

function key(event) {
  const typing = event.target.closest("input:not([type=checkbox]), textarea, select, dialog");
  if (event.key === "Escape" && typing && !typing.matches("dialog")) event.target.blur();
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
  const row = event.target.matches("[data-row]");
  if (event.key === "Enter" && !row) return;
  event.preventDefault();
  KEYS[event.key]();
}

function row() {
  return document.activeElement?.closest("[data-row]");
}

function move(by) {
  const rows = [...main.querySelectorAll("[data-row]")];
  const at = rows.indexOf(row());
  rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + by))]?.focus();
}

function help() {
  void answer(document.getElementById("help-dialog"));
}

addEventListener("hashchange", show);
addEventListener("keydown", key);
document.querySelector(".skip").addEventListener("click", (event) => (event.preventDefault(), main.focus()));
document.getElementById("help-button").addEventListener("click", help);
document.getElementById("token-button").addEventListener("click", async () => (await changeToken()) && show());
void show();
