// The page of a job: how it came to where it is, what went in and came out, and its log as it is written.

import { ask, follow, json, path, pause, Problem } from "./api.js";
import * as bulk from "./bulk.js";
import { fill, h, write } from "./dom.js";
import { bytes, micros, moduleOf, ran, short, span, time, visible } from "./format.js";
import { Log } from "./log.js";
import { payloadView } from "./payload.js";
import { failureView, problemView } from "./problem.js";

export async function job({ main, parts: [id], signal }) {
  const first = await json(path`/v1/jobs/${id}`, { signal });
  const page = new Job(first, signal);
  page.into(main);
  page.update(first);
  void page.follow();
  void page.tick();
}

class Job {
  constructor(job, signal) {
    Object.assign(this, { job, signal, outputOf: null });
    this.badge = h("span", { class: "badge" });
    this.took = h("span", { class: "hint" });
    this.bar = h("progress", { max: 1, "aria-label": "progress" });
    this.note = h("span", {});
    this.progress = h("p", { class: "progress" }, this.bar, " ", this.note);
    this.timeline = h("ol", { class: "timeline" });
    this.problem = h("div");
    this.outcome = h("div", { id: "outcome" });
    this.facts = h("dl", { class: "facts" });
    this.log = new Log();
    this.cancel = h("button", { type: "button", class: "danger", "data-key": "c", onclick: () => this.act(bulk.cancel) }, "Cancel");
    this.retry = h("button", { type: "button", onclick: () => this.again() }, "Retry");
    this.forget = h("button", { type: "button", class: "quiet", onclick: () => this.remove() }, "Delete");
  }

  into(main) {
    const { job } = this;
    const edit = `#${path`/modules/${job.options.module_name ?? job.module}/${job.function}?from=${job.id}`}`;
    const again = h("a", { class: "button", href: edit, "data-first": true }, "Run again with edits");
    const input = h("div", {}, "Loading…");
    const section = (title, ...children) => h("section", {}, h("h2", {}, title), children);
    fill(
      main,
      h("h1", { tabindex: -1 }, visible(job.function), " ", h("span", { class: "hint" }, visible(moduleOf(job)))),
      h("p", { class: "id" }, this.badge, " ", this.took, " ", h("code", {}, job.id)),
      h("p", { class: "actions" }, this.cancel, this.retry, again, this.forget),
      this.problem,
      this.progress,
      h(
        "div",
        { class: "columns" },
        h("div", {}, section("Outcome", this.outcome), section("Input", input), section("Log", this.log.element)),
        h("div", {}, section("Timeline", this.timeline), section("Metadata", this.facts)),
      ),
    );
    void this.payload(input, path`/v1/jobs/${job.id}/input`, job.input, "input");
  }

  async payload(place, from, size, name) {
    const view = await payloadView(from, size, `${name}-${this.job.id}`, this.signal).catch(problemView);
    if (!this.signal.aborted) fill(place, view);
  }

  update(job) {
    this.job = job;
    document.title = `${job.status}: ${job.function} – au-host`;
    const over = Boolean(job.finished);
    this.badge.className = `badge ${job.status}`;
    write(this.badge, job.cancel && !over ? "cancelling" : job.status);
    this.cancel.disabled = over;
    this.forget.disabled = !over;
    this.advance(job.progress);
    fill(this.timeline, timeline(job));
    fill(this.facts, facts(job));
    this.clock();
    this.showOutcome(job);
  }

  advance(progress) {
    this.progress.hidden = !progress;
    if (!progress) return;
    this.bar.value = progress.done;
    write(this.note, `${Math.round(progress.done * 100)} % ${visible(progress.note)}`);
  }

  showOutcome(job) {
    // An output is fetched once; what went before it is small.
    if (this.outputOf === job.status) return;
    this.outputOf = job.status === "completed" ? job.status : null;
    if (job.output) void this.payload(this.outcome, path`/v1/jobs/${job.id}/output`, job.output, "output");
    else if (job.cancelled) fill(this.outcome, h("p", {}, "Cancelled: ", visible(job.cancelled)));
    else if (job.failure) fill(this.outcome, !job.finished && h("p", {}, "The attempt before:"), failureView(job.failure));
    else fill(this.outcome, h("p", { class: "hint" }, "There is none yet."));
  }

  async follow() {
    const heard = (kind, data) => {
      if (kind === "status") this.update(data);
      else if (kind === "progress") this.advance(data);
      else if (kind === "log") this.log.add(data);
      else if (kind === "error") fill(this.problem, problemView(new Problem(data)));
    };
    try {
      await follow(this.job.id, heard, (live) => this.log.live(live), this.signal);
      this.log.ended(this.job.usage?.log_dropped ?? 0);
    } catch (error) {
      if (!this.signal.aborted) fill(this.problem, problemView(error));
    }
  }

  /** The clock of one that runs. */
  async tick() {
    while (!this.signal.aborted && !this.job.finished) {
      this.clock();
      await pause(250, this.signal);
    }
  }

  clock() {
    const took = ran(this.job);
    write(this.took, took === undefined ? "" : `${this.job.finished ? "took" : "runs for"} ${span(took)}`);
  }

  async act(verb) {
    fill(this.problem, (await verb([this.job.id])).map(problemView));
  }

  async again() {
    await this.attempt(async () => {
      const response = await ask(path`/v1/jobs/${this.job.id}/retry`, { method: "POST" });
      location.hash = `#/jobs/${(await response.json()).id}`;
    });
  }

  async remove() {
    await this.attempt(async () => {
      await ask(path`/v1/jobs/${this.job.id}`, { method: "DELETE" });
      location.hash = "#/jobs";
    });
  }

  async attempt(work) {
    await work().catch((error) => fill(this.problem, problemView(error)));
  }
}

/** What happened, in order, each with the time since the one before. */
function timeline(job) {
  const steps = [{ what: "submitted", at: job.created }, ...attempts(job)];
  if (job.run_at && job.run_at > job.created) steps.push({ what: job.attempt ? "next attempt not before" : "not before", at: job.run_at });
  if (job.cancel) steps.push({ what: `cancel asked for: ${job.cancel.reason}`, at: job.cancel.at });
  if (job.finished) steps.push({ what: job.status, at: job.finished, last: true });
  steps.sort((a, b) => micros(a.at) - micros(b.at) || Boolean(a.last) - Boolean(b.last));
  return steps.map(({ what, at, worker, state }, index) => {
    const since = index ? ` +${span(micros(at) - micros(steps[index - 1].at))}` : "";
    const moment = h("time", { datetime: at, title: at }, ` ${time(at)}`);
    const by = worker && h("div", { class: "hint" }, "on worker ", h("code", {}, worker));
    return h("li", { class: state ?? (index === steps.length - 1 ? job.status : "") }, visible(what), moment, h("span", { class: "hint" }, since), by);
  });
}

/** When attempts started and ended, and on which worker: of those that are kept, and of the one that runs. */
function attempts({ started, attempt, attempt_started, past = [], worker }) {
  const several = attempt > 1 || past.length > 0;
  const name = (number) => (several ? `attempt ${number} started` : "started");
  const steps = past.flatMap(({ number, worker, started, ended, failure }) => [
    { what: name(number), at: started, worker },
    { what: `attempt ${number}: ${failure ?? "completed"}`, at: ended, state: failure ? "failed" : "completed" },
  ]);
  // Of very many the first are not kept, but for when they began.
  if (started && started !== (past[0]?.started ?? attempt_started)) steps.unshift({ what: name(1), at: started });
  if (attempt_started) steps.push({ what: name(attempt), at: attempt_started, worker });
  return steps;
}

function told({ url, state, attempts, next, at, error }) {
  const when = { waiting: attempts && next ? `tried ${attempts} times, next ${time(next)}` : "to be told", delivered: `told ${at && time(at)}`, "gave-up": `given up ${at && time(at)}` };
  return [url, when[state] ?? state, state === "delivered" ? null : error].filter(Boolean).join(" · ");
}

function facts(job) {
  const { limits } = job.options.sandbox;
  const { usage } = job;
  const labels = Object.entries(job.options.labels).map(([name, value]) => `${name}=${value}`);
  const all = [
    ["Module", h("a", { href: `#/modules?${new URLSearchParams({ show: job.module })}` }, short(job.module))],
    ["Attempt", `${job.attempt} of ${job.options.retry.attempts}`],
    ["Priority", job.options.priority || null],
    ["Labels", labels.length ? labels.join(", ") : null],
    ["Key", job.options.key?.name],
    ["Webhook", job.webhook && told(job.webhook)],
    ["Worker", job.worker],
    ["Time limit", span(limits.timeout)],
    ["Memory", `${bytes(usage.peak_memory)} of ${bytes(limits.memory)}`],
    ["Fuel", usage.fuel],
    ["Version", job.version],
    ["Kept until", job.expires && time(job.expires)],
  ];
  return all
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([name, value]) => [name, typeof value === "string" ? visible(value) : value])
    .map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)));
}
