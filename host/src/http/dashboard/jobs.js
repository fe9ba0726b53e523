// The page of jobs: a live table, counts by state, filters that are part of the address, and what is done to many at once.

import { json, repeatedly } from "./api.js";
import * as bulk from "./bulk.js";
import { fill, h, say, write } from "./dom.js";
import { ago, moduleOf, ran, span, time, visible } from "./format.js";
import { problemView } from "./problem.js";

const REFRESH = 1500;
const PAGE = 50;
/** Jobs that are counted by state where there are filters, of which the API has no counts. */
const COUNTED = 500;
const STATES = ["pending", "running", "completed", "failed", "cancelled"];
const FILTERS = ["function", "module", "queue", "label"];

export async function jobs({ main, query, signal }) {
  const page = new Jobs(query, signal);
  page.into(main);
  await page.refresh().catch((error) => page.failed(error));
  void repeatedly(REFRESH, () => page.refresh(), (error) => page.failed(error), signal);
}

class Jobs {
  constructor(query, signal) {
    Object.assign(this, { query, signal, rows: new Map(), selected: new Set(), refreshed: 0 });
    this.counts = h("p", { class: "counts", "aria-label": "Jobs by state" });
    this.problem = h("div");
    this.body = h("tbody");
    this.all = h("input", { type: "checkbox", "aria-label": "select all", onchange: () => this.selectAll() });
    this.cancel = h("button", { type: "button", "data-key": "c", onclick: () => this.cancelJobs() }, "Cancel");
    this.retry = h("button", { type: "button", onclick: () => this.act(bulk.retry, [...this.selected]) }, "Retry");
    this.pages = h("p", { class: "actions" });
    this.note = h("p", { class: "hint" });
  }

  into(main) {
    const heads = ["State", "Function", "Job", "Submitted", "Took", "Note"].map((name) => h("th", { scope: "col" }, name));
    const table = h("table", { class: "jobs" }, h("thead", {}, h("tr", {}, h("th", {}, this.all), heads)), this.body);
    const bar = h("div", { class: "bar" }, this.cancel, this.retry, this.note);
    fill(main, h("h1", { tabindex: -1 }, "Jobs"), this.counts, this.filters(), bar, this.problem, table, this.pages);
    this.select();
  }

  filters() {
    const hints = { function: "name", module: "name or sha256:…", queue: "name", label: "name=value" };
    const inputs = FILTERS.map((name, at) => {
      const placeholder = hints[name];
      const input = h("input", { name, type: "search", placeholder, "data-first": at === 0, spellcheck: "false" });
      input.value = this.query.get(name) ?? "";
      input.addEventListener("change", () => this.go({ [name]: input.value.trim(), before: "" }));
      return h("label", {}, name, " ", input);
    });
    return h("div", { class: "filters", role: "search" }, inputs);
  }

  /** The address with this changed; what is empty is left out. */
  address(changes) {
    const next = new URLSearchParams(this.query);
    for (const [name, value] of Object.entries(changes)) {
      if (value) next.set(name, value);
      else next.delete(name);
    }
    return `#/jobs${next.size ? `?${next}` : ""}`;
  }

  go(changes) {
    location.hash = this.address(changes);
  }

  /** What the API is asked for, without the status if it is for the counts. */
  asked(limit, more) {
    const asked = new URLSearchParams({ limit });
    for (const name of [...FILTERS, ...more]) if (this.query.get(name)) asked.set(name, this.query.get(name));
    return `/v1/jobs?${asked}`;
  }

  async refresh() {
    const page = await json(this.asked(PAGE, ["status", "before"]), { signal: this.signal });
    this.show(page);
    if (this.refreshed % 4 === 0) await this.count();
    this.refreshed += 1;
    fill(this.problem);
  }

  failed(error) {
    // The same one again is not said again.
    if (this.problem.textContent === "") fill(this.problem, problemView(error));
  }

  async count() {
    const { numbers, note } = await this.counted();
    const chosen = this.query.get("status") ?? "";
    const chips = STATES.map((state) => {
      const current = chosen === state;
      const href = this.address({ status: current ? "" : state, before: "" });
      return h("a", { href, class: `chip ${state}`, "aria-current": current ? "true" : null }, `${state} ${numbers[state]}`);
    });
    fill(this.counts, chips, note && h("span", { class: "hint" }, note));
  }

  /** How many jobs have which state: of all, or of the latest that pass the filters. */
  async counted() {
    const options = { signal: this.signal };
    if (!FILTERS.some((name) => this.query.get(name))) return { numbers: (await json("/v1/stats", options)).jobs };
    const { jobs, next } = await json(this.asked(COUNTED, []), options);
    const number = (state) => jobs.filter((job) => job.status === state).length;
    const numbers = Object.fromEntries(STATES.map((state) => [state, number(state)]));
    return { numbers, note: next ? `of the latest ${COUNTED}` : `of ${jobs.length}` };
  }

  show({ jobs, next }) {
    const rows = new Map(jobs.map((job) => [job.id, this.rows.get(job.id) ?? this.row(job)]));
    for (const job of jobs) rows.get(job.id).update(job);
    const ids = [...rows.keys()].join();
    if (ids !== [...this.rows.keys()].join() || jobs.length === 0) this.place(rows);
    this.rows = rows;
    for (const id of this.selected) if (!rows.has(id)) this.selected.delete(id);
    this.select();
    const newest = this.query.get("before") && h("a", { href: this.address({ before: "" }) }, "Newest");
    fill(this.pages, newest, next && h("a", { href: this.address({ before: next }) }, "Older"));
  }

  /** Puts rows in their order; what had the focus keeps it. */
  place(rows) {
    const focused = document.activeElement;
    const run = h("a", { href: "#/modules" }, "Run a function");
    const nothing = h("tr", {}, h("td", { colspan: 7, class: "empty" }, "There are no such jobs. ", run));
    fill(this.body, rows.size ? [...rows.values()].map((row) => row.element) : nothing);
    if (focused?.isConnected) focused.focus({ preventScroll: true });
  }

  row(job) {
    const box = h("input", { type: "checkbox", "aria-label": `select ${job.id}` });
    box.addEventListener("change", () => (this.selected[box.checked ? "add" : "delete"](job.id), this.select()));
    const cells = ["State", "Function", "Job", "Submitted", "Took", "Note"].map((name) => h("td", { "data-label": name }));
    const [state, what, id, submitted, took, progress] = cells;
    const badge = h("span", { class: "badge" });
    const bar = h("progress", { max: 1, "aria-label": "progress" });
    const note = h("span", { class: "hint" });
    state.append(badge);
    const module = h("span", { class: "hint" }, visible(moduleOf(job)));
    what.append(h("span", { class: "what" }, visible(job.function)), " ", module, ...labels(job));
    id.append(h("a", { href: `#/jobs/${job.id}`, title: job.id }, `…${job.id.slice(-8)}`));
    const element = h("tr", { tabindex: -1, "data-row": job.id }, h("td", { class: "box" }, box), cells);
    const update = (job) => {
      box.checked = this.selected.has(job.id);
      badge.className = `badge ${job.status}`;
      write(badge, job.cancel && job.status === "running" ? "cancelling" : job.status);
      submitted.title = time(job.created);
      write(submitted, ago(job.created));
      write(took, span(ran(job)));
      const doing = job.finished ? "" : job.progress?.note;
      write(note, visible(job.failure?.message ?? job.cancelled ?? doing ?? ""));
      note.title = note.textContent;
      bar.value = job.progress?.done ?? 0;
      progress.replaceChildren(...(job.status === "running" && job.progress ? [bar, note] : [note]));
    };
    return { element, box, update };
  }

  select() {
    const count = this.selected.size;
    this.all.checked = count > 0 && count === this.rows.size;
    this.all.indeterminate = count > 0 && count < this.rows.size;
    this.retry.disabled = count === 0;
    write(this.note, count ? `${count} selected` : "Select jobs to cancel or retry them.");
  }

  selectAll() {
    this.selected = new Set(this.all.checked ? this.rows.keys() : []);
    for (const [id, row] of this.rows) row.box.checked = this.selected.has(id);
    this.select();
  }

  /** Cancels what is selected, else the job that the keys have chosen. */
  cancelJobs() {
    const chosen = document.activeElement?.closest("[data-row]")?.dataset.row;
    const ids = this.selected.size ? [...this.selected] : chosen ? [chosen] : [];
    return this.act(bulk.cancel, ids);
  }

  async act(verb, ids) {
    if (ids.length === 0) return say("Select jobs first.");
    const problems = await verb(ids);
    this.selected.clear();
    await this.refresh().catch((error) => problems.push(error));
    if (problems.length) fill(this.problem, problems.slice(0, 3).map(problemView));
  }
}

function labels(job) {
  return Object.entries(job.options?.labels ?? {}).flatMap(([name, value]) => {
    const text = `${name}=${value}`;
    return [" ", h("a", { class: "label", href: `#/jobs?${new URLSearchParams({ label: text })}` }, visible(text))];
  });
}
