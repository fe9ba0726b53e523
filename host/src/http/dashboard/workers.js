// The page of workers: the hosts that take what is due, what they run, and when they were last heard of.

import { ask, json, path, repeatedly } from "./api.js";
import { confirmed, fill, h, say } from "./dom.js";
import { ago, visible } from "./format.js";
import { problemView } from "./problem.js";

const REFRESH = 2000;
/** After so many milliseconds without a word a worker is taken to be away. */
const SILENT = 60_000;
const HEADS = ["Worker", "Machine", "Running", "Last seen", "State", "Labels", ""];

export async function workers({ main, signal }) {
  const [problem, list] = [h("div"), h("div")];
  const failed = (error) => fill(problem, problemView(error));
  const refresh = async () => {
    const { workers } = await json("/v1/workers", { signal });
    fill(list, workers.length ? table(workers, drain) : h("p", { class: "empty" }, "Nobody has said that they work here yet."));
  };
  const drain = async (id) => {
    if (!(await confirmed(`Drain ${id}? It takes nothing new, and ends once nothing runs there.`))) return;
    try {
      await ask(path`/v1/workers/${id}/drain`, { method: "POST" });
      fill(problem);
      say("It is asked, and hears within some seconds");
      await refresh();
    } catch (error) {
      failed(error);
    }
  };
  fill(main, h("h1", { tabindex: -1 }, "Workers"), problem, list);
  await refresh();
  void repeatedly(REFRESH, refresh, failed, signal);
}

function table(workers, drain) {
  const head = h("tr", {}, HEADS.map((name) => h("th", { scope: "col" }, name)));
  return h("table", {}, h("thead", {}, head), h("tbody", {}, workers.map((worker) => row(worker, drain))));
}

function row(worker, drain) {
  const { id, machine, process, running, slots, seen, labels, draining } = worker;
  const silent = Date.now() - Date.parse(seen) > SILENT;
  const state = silent ? "silent" : draining ? "draining" : "working";
  const notes = Object.entries(labels).map(([name, value]) => h("span", { class: "label" }, visible(`${name}=${value}`)));
  const cells = [
    h("code", {}, id),
    [visible(machine), " ", h("span", { class: "hint" }, `process ${process}`)],
    [h("progress", { value: running, max: Math.max(slots, 1), "aria-label": "slots in use" }), ` ${running} of ${slots}`],
    ago(seen),
    h("span", { class: silent ? "badge failed" : draining ? "badge pending" : "badge running" }, state),
    notes,
    !draining && h("button", { type: "button", class: "danger", onclick: () => drain(id), "data-drain": id }, "Drain"),
  ];
  return h("tr", { tabindex: -1, "data-row": id }, cells.map((cell, at) => h("td", { "data-label": HEADS[at] }, ...[cell].flat())));
}
