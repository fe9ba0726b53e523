// The page of queues: how many jobs wait and run in each, how many may, and what changes that.

import { ask, json, path, repeatedly } from "./api.js";
import { fill, h, say } from "./dom.js";
import { visible } from "./format.js";
import { problemView } from "./problem.js";

const REFRESH = 2000;
const HEADS = ["Queue", "Pending", "Running", "Limit", "Per function", "Per key", "State", ""];

export async function queues({ main, signal }) {
  const [problem, list] = [h("div"), h("div")];
  const failed = (error) => fill(problem, problemView(error));
  const refresh = async () => {
    const { queues } = await json("/v1/queues", { signal });
    // Whoever is about to type a limit is not disturbed.
    if (list.contains(document.activeElement) && document.activeElement.matches("input")) return;
    fill(list, table(queues, change));
  };
  /** Changes something, says so, and shows what there is now. */
  const change = async (url, options, done) => {
    document.activeElement?.blur();
    try {
      await ask(url, options);
      fill(problem);
      say(done);
      await refresh();
    } catch (error) {
      failed(error);
    }
  };
  fill(main, h("h1", { tabindex: -1 }, "Queues"), added(change), problem, list);
  await refresh();
  void repeatedly(REFRESH, refresh, failed, signal);
}

function put(limits) {
  return { method: "PUT", body: JSON.stringify(limits), headers: { "content-type": "application/json" } };
}

/** Where a queue that has no jobs yet is given a limit. */
function added(change) {
  const name = h("input", { name: "name", required: true, maxlength: 255, spellcheck: "false", "data-first": true });
  const limit = h("input", { name: "limit", type: "number", min: 1, required: true });
  const add = (event) => {
    event.preventDefault();
    const queue = name.value;
    return change(path`/v1/queues/${queue}`, put({ concurrency: Number(limit.value) }), `${queue} runs at most ${limit.value} at once`);
  };
  return h(
    "form",
    { class: "actions", id: "add", onsubmit: add },
    h("label", {}, "Queue ", name),
    h("label", {}, "Limit ", limit),
    h("button", {}, "Set"),
  );
}

function table(queues, change) {
  const head = h("tr", {}, HEADS.map((name) => h("th", { scope: "col" }, name)));
  return h("table", {}, h("thead", {}, head), h("tbody", {}, queues.map((queue) => row(queue, change))));
}

function row(queue, change) {
  const { name, pending, running, concurrency, per_function, per_key, paused } = queue;
  const limit = h("input", { type: "number", min: 1, value: concurrency, "aria-label": `limit of ${visible(name)}`, class: "limit" });
  const set = (event) => {
    event.preventDefault();
    const most = limit.value === "" ? null : Number(limit.value);
    const done = most === null ? `${name} runs as many as there is room for` : `${name} runs at most ${most} at once`;
    return change(path`/v1/queues/${name}`, put({ concurrency: most, per_function, per_key, paused }), done);
  };
  const verb = paused ? "resume" : "pause";
  const turn = () => change(`${path`/v1/queues/${name}`}/${verb}`, { method: "POST" }, `${name} is ${paused ? "resumed" : "paused"}`);
  const cells = [
    h("a", { class: "what", href: `#/jobs?${new URLSearchParams({ queue: name })}` }, visible(name)),
    pending ?? "–",
    running ?? "–",
    h("form", { onsubmit: set }, limit, " ", h("button", {}, "Set")),
    per_function ?? "–",
    per_key ?? "–",
    h("span", { class: paused ? "badge pending" : "badge running" }, paused ? "paused" : "open"),
    h("button", { type: "button", onclick: turn, "data-turn": name }, paused ? "Resume" : "Pause"),
  ];
  return h("tr", { tabindex: -1, "data-row": name }, cells.map((cell, at) => h("td", { "data-label": HEADS[at] }, cell)));
}
