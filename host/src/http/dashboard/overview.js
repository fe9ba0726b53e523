// The overview: throughput, durations, the queue, and what runs. But for the totals it is computed here from the latest jobs that
// have finished, however many wait or run; the page says from how many.

import { json, now, repeatedly } from "./api.js";
import { fill, h } from "./dom.js";
import { moduleOf, ran, span, visible } from "./format.js";
import { problemView } from "./problem.js";

const REFRESH = 5000;
const MOST = 1000;
/** Minutes of the chart. */
const MINUTES = 30;
const SVG = "http://www.w3.org/2000/svg";

export async function overview({ main, signal }) {
  const [problem, body] = [h("div"), h("div", { class: "overview" })];
  fill(main, h("h1", { tabindex: -1 }, "Overview"), problem, body);
  const refresh = async () => {
    fill(body, view(await facts(signal)));
    fill(problem);
  };
  const failed = (error) => problem.textContent === "" && fill(problem, problemView(error));
  await refresh().catch(failed);
  void repeatedly(REFRESH, refresh, failed, signal);
}

async function facts(signal) {
  const list = (query) => json(`/v1/jobs?limit=${MOST}${query}`, { signal });
  const lists = [list("&status=completed,failed,cancelled"), list("&status=running"), list("&status=pending")];
  const [latest, running, pending, { jobs: totals }] = await Promise.all([...lists, json("/v1/stats", { signal })]);
  return { latest, running, pending, totals, at: now() };
}

function view({ latest, running, pending, totals, at }) {
  const finished = latest.jobs;
  const minute = finished.filter((job) => at - Date.parse(job.finished) < 60_000).length;
  const due = pending.jobs.filter((job) => Date.parse(job.run_at ?? job.created) <= at);
  const oldest = Math.min(...due.map((job) => Date.parse(job.run_at ?? job.created)));
  const failed = finished.filter((job) => job.status === "failed").length;
  return [
    h(
      "dl",
      { class: "figures" },
      figure("finished in the last minute", atLeast(minute, latest, minute === finished.length)),
      figure("running", String(totals.running)),
      figure("waiting", String(totals.pending)),
      figure("queue age", due.length ? `${pending.next ? "≥ " : ""}${span(at - oldest)}` : "–"),
      figure("failed", finished.length ? `${((100 * failed) / finished.length).toFixed(1)} %` : "–"),
    ),
    h("p", { class: "hint" }, `${totals.completed} completed, ${totals.failed} failed and ${totals.cancelled} cancelled jobs are kept. `,
      latest.next ? `What follows is of the latest ${MOST} of them.` : "What follows is of all of them."),
    h("section", {}, h("h2", {}, "Throughput"), chart(finished, at)),
    h("section", {}, h("h2", {}, "Running now"), runningNow(running.jobs)),
    h("section", {}, h("h2", {}, "Durations"), durations(finished)),
  ];
}

function figure(name, value) {
  return h("div", {}, h("dt", {}, name), h("dd", {}, value));
}

/** A number, or that it is more than could be counted. */
function atLeast(number, page, all = true) {
  return page.next && all ? `≥ ${number}` : String(number);
}

/** Jobs by function, those with most jobs first. */
function byFunction(jobs) {
  const groups = new Map();
  for (const job of jobs) {
    const key = JSON.stringify([moduleOf(job), job.function]);
    if (!groups.has(key)) groups.set(key, { module: moduleOf(job), name: job.function, jobs: [] });
    groups.get(key).jobs.push(job);
  }
  return [...groups.values()].sort((a, b) => b.jobs.length - a.jobs.length);
}

function link(group, status) {
  const query = new URLSearchParams({ function: group.name, ...(status && { status }) });
  return [h("a", { href: `#/jobs?${query}` }, visible(group.name)), " ", h("span", { class: "hint" }, visible(group.module))];
}

function runningNow(jobs) {
  if (jobs.length === 0) return h("p", { class: "hint" }, "Nothing.");
  const rows = byFunction(jobs).map((group) => {
    const longest = Math.max(...group.jobs.map(ran));
    return [link(group, "running"), group.jobs.length, span(longest)];
  });
  return table(["Function", "Jobs", "Longest"], rows);
}

function durations(finished) {
  const run = finished.filter((job) => job.started);
  if (run.length === 0) return h("p", { class: "hint" }, "Nothing has finished yet.");
  const rows = byFunction(run).map((group) => {
    const sorted = group.jobs.map(ran).sort((a, b) => a - b);
    return [link(group), sorted.length, ...[0.5, 0.95, 0.99].map((part) => span(quantile(sorted, part)))];
  });
  return table(["Function", "Jobs", "p50", "p95", "p99"], rows);
}

/** The least value that this part of all is not above. */
function quantile(sorted, part) {
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)];
}

function table(heads, rows) {
  const head = h("tr", {}, heads.map((name) => h("th", { scope: "col" }, name)));
  const body = rows.map((cells) => h("tr", {}, cells.map((cell, at) => h("td", { "data-label": heads[at] }, cell))));
  return h("table", {}, h("thead", {}, head), h("tbody", {}, body));
}

/** Jobs that finished in each of the last minutes, as bars. */
function chart(finished, at) {
  const counts = Array(MINUTES).fill(0);
  for (const job of finished) {
    const minute = Math.floor((at - Date.parse(job.finished)) / 60_000);
    if (minute >= 0 && minute < MINUTES) counts[MINUTES - 1 - minute] += 1;
  }
  const most = Math.max(1, ...counts);
  const bars = counts.map((count, index) => {
    const height = count === 0 ? 0.5 : (46 * count) / most;
    return shape("rect", { x: index * 10 + 1, y: 48 - height, width: 8, height, rx: 1 });
  });
  const text = `Finished in each of the last ${MINUTES} minutes: at most ${Math.max(...counts)}, ${counts.at(-1)} in this one`;
  const box = { viewBox: `0 0 ${MINUTES * 10} 48`, preserveAspectRatio: "none" };
  const picture = shape("svg", { ...box, role: "img", "aria-label": text, class: "chart" });
  picture.append(...bars);
  return h("figure", {}, picture, h("figcaption", { class: "hint" }, text));
}

function shape(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}
