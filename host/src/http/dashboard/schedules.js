// The page of schedules: what is submitted again and again, when it is due next, and what became of the last time.

import { ask, json, path, repeatedly } from "./api.js";
import { confirmed, fill, h, say } from "./dom.js";
import { short, time, visible } from "./format.js";
import { problemView } from "./problem.js";

const REFRESH = 2000;
const HEADS = ["Schedule", "When", "Call", "Next", "Last", ""];

export async function schedules({ main, signal }) {
  const [problem, list] = [h("div"), h("div")];
  const failed = (error) => fill(problem, problemView(error));
  const refresh = async () => {
    const { schedules } = await json("/v1/schedules", { signal });
    fill(list, schedules.length ? table(schedules, change) : empty());
  };
  /** Changes something, says so, and shows what there is now. */
  const change = async (url, method, done) => {
    try {
      await ask(url, { method });
      fill(problem);
      say(done);
      await refresh();
    } catch (error) {
      failed(error);
    }
  };
  fill(main, h("h1", { tabindex: -1 }, "Schedules"), problem, list);
  await refresh();
  void repeatedly(REFRESH, refresh, failed, signal);
}

function empty() {
  const command = h("code", {}, 'au-host schedule set nightly "0 3 * * *" MODULE FUNCTION');
  return h("p", { class: "empty" }, "There are no schedules yet. ", command, " makes one.");
}

function table(schedules, change) {
  const head = h("tr", {}, HEADS.map((name) => h("th", { scope: "col" }, name)));
  return h("table", {}, h("thead", {}, head), h("tbody", {}, schedules.map((one) => row(one, change))));
}

function row(schedule, change) {
  const { tenant, name, cron, zone, request, next, last, paused, trouble } = schedule;
  const url = path`/v1/schedules/${name}`;
  // Of another's name that is the same, this one's.
  const whose = tenant ? `?${new URLSearchParams({ tenant })}` : "";
  const verb = paused ? "resume" : "pause";
  const turn = () => change(`${url}/${verb}${whose}`, "POST", `${name} ${paused ? "goes on" : "is paused"}`);
  const run = () => change(`${url}/run${whose}`, "POST", `A job of ${name} is submitted`);
  const remove = async () => {
    if (!(await confirmed(`Delete the schedule ${name}? Its jobs stay.`))) return;
    await change(url + whose, "DELETE", `${name} is gone`);
  };
  const button = (text, onclick, kind) => h("button", { type: "button", onclick, class: kind }, text);
  const cells = [
    [h("a", { href: `#/jobs?${new URLSearchParams({ label: `schedule=${name}` })}` }, name), tenant && h("span", { class: "hint" }, ` ${visible(tenant)}`)],
    [h("code", {}, visible(cron)), " ", h("span", { class: "hint" }, visible(zone))],
    h("span", { class: "what" }, `${visible(short(request.module))} ${visible(request.function)}`),
    paused ? h("span", { class: "badge pending" }, "paused") : next ? time(next) : "never again",
    became(last, trouble),
    h("span", { class: "actions" }, button(paused ? "Resume" : "Pause", turn), button("Run now", run), button("Delete", remove, "danger")),
  ];
  return h("tr", { tabindex: -1, "data-row": name }, cells.map((cell, at) => h("td", { "data-label": HEADS[at] }, ...[cell].flat())));
}

/** What became of the last time that a schedule was due, or why the one that is has no job yet. */
function became(last, trouble) {
  if (trouble) return h("span", { class: "hint" }, `waits: ${visible(trouble)}`);
  if (!last) return "–";
  if (last.job) return [h("a", { href: `#/jobs/${last.job}` }, short(last.job)), " ", h("span", { class: "hint" }, time(last.at))];
  return h("span", { class: "hint" }, `skipped: ${visible(last.skipped)}`);
}
