// The page of a function: a form made from its schema, to call it or to submit a job.

import { ask, json, path } from "./api.js";
import { fill, h } from "./dom.js";
import { span, visible } from "./format.js";
import { describesParameters, parameters, readable, Unreadable } from "./fields.js";
import * as exact from "./json.js";
import { shown } from "./payload.js";
import { problemView } from "./problem.js";

/** Inputs of earlier jobs that are put into a form; larger ones are for programs. */
const PREFILLED = 256 << 10;
const OPTIONS = [
  ["timeout", "30s, 2h"],
  ["memory", "64MiB"],
  ["priority", "-100 to 100"],
  ["label", "name=value"],
];

export async function run({ main, parts: [module, name], query, signal }) {
  const about = await json(path`/v1/modules/${module}`, { signal });
  const of = about.functions.find((one) => one.name === name) ?? { name, summary: "this module has no such function" };
  const before = query.get("from") ? await earlier(query.get("from"), signal) : null;
  const form = new Form(module, of, before, signal);
  fill(
    main,
    h("h1", { tabindex: -1 }, visible(name), " ", h("span", { class: "hint" }, visible(module))),
    h("p", {}, visible(of.summary)),
    before && h("p", { class: "hint" }, "With the input of ", h("a", { href: `#/jobs/${before.id}` }, `…${before.id.slice(-8)}`)),
    form.element,
  );
}

/** What a job was given. */
async function earlier(id, signal) {
  const job = await json(path`/v1/jobs/${id}`, { signal });
  const type = job.input.content_type.split(";")[0];
  const known = type === "application/json" || type.startsWith("text/");
  const input = known && job.input.bytes <= PREFILLED ? await (await ask(path`/v1/jobs/${id}/input`, { signal })).text() : null;
  return { id, type: job.input.content_type, input, labels: job.options.labels };
}

class Form {
  constructor(module, of, before, signal) {
    Object.assign(this, { module, of, before, signal, result: h("div", { id: "result", "aria-live": "polite" }), place: h("div") });
    const kinds = ["json", "text", "file"];
    if (describesParameters(of.input_schema)) kinds.unshift("form");
    const names = { form: "a form", json: "JSON", text: "text", file: "a file" };
    this.kind = h("select", { id: "input-kind" }, kinds.map((kind) => h("option", { value: kind }, names[kind])));
    this.kind.addEventListener("change", () => this.change());
    this.options = OPTIONS.map(([option, hint]) => [option, h("input", { name: option, placeholder: hint, autocomplete: "off" })]);
    this.element = this.made();
    this.begin();
  }

  made() {
    const button = (name, id, work, kind) => h("button", { type: "button", id, class: kind, onclick: () => this.send(work) }, name);
    const options = this.options.map(([name, input]) => h("label", {}, name, " ", input));
    return h(
      "form",
      { class: "run", onsubmit: (event) => (event.preventDefault(), this.send(() => this.submit())) },
      h("p", {}, h("label", { for: "input-kind" }, "Input as "), this.kind),
      this.place,
      h("details", {}, h("summary", {}, "Limits and labels"), h("div", { class: "filters" }, options)),
      h(
        "p",
        { class: "actions" },
        h("button", { class: "primary", id: "submit" }, "Submit a job"),
        button("Call it now", "call", () => this.call()),
      ),
      this.result,
    );
  }

  /** The first input: that of the earlier job, in the form if it fits. */
  begin() {
    const { before } = this;
    const labels = Object.entries(before?.labels ?? {});
    if (labels.length) this.options.find(([name]) => name === "label")[1].value = labels.map(([name, value]) => `${name}=${value}`).join(" ");
    if (before && before.input === null) this.kind.value = "file";
    else if (before && !before.type.startsWith("application/json")) this.kind.value = "text";
    this.change(before?.input ?? undefined);
  }

  /** Shows the fields of the kind that is chosen, with what has been written so far. */
  change(given) {
    const text = given ?? this.written();
    const kind = this.kind.value;
    this.input = kind === "form" ? this.fields(text) : kind === "file" ? file() : area(kind, text, this.before?.type);
    fill(this.place, this.input.element);
    this.input.element.querySelector("input, textarea, select")?.setAttribute("data-first", "");
  }

  written() {
    try {
      return this.input?.read().body;
    } catch {
      return undefined;
    }
  }

  fields(text) {
    const schema = this.of.input_schema;
    const fields = parameters(schema, values(text, schema));
    return { element: fields.element, read: () => ({ type: "application/json", body: fields.read() }) };
  }

  async send(work) {
    const buttons = this.element.querySelectorAll(".actions button");
    for (const button of buttons) button.disabled = true;
    try {
      await work();
    } catch (error) {
      // What cannot be read says so at its field.
      if (!this.signal.aborted && !(error instanceof Unreadable)) fill(this.result, problemView(error));
    } finally {
      for (const button of buttons) button.disabled = false;
    }
  }

  async submit() {
    const response = await this.post("submit", this.asked(OPTIONS.map(([name]) => name)));
    location.hash = `#/jobs/${(await response.json()).id}`;
  }

  async call() {
    const began = performance.now();
    fill(this.result, h("p", { class: "hint" }, "It runs…"));
    const response = await this.post("call", this.asked(["timeout", "memory"]));
    const took = h("p", { class: "hint" }, `took ${span(performance.now() - began)}, the way there and back included`);
    fill(this.result, h("h2", {}, "Output"), await shown(response, undefined, this.signal), took);
  }

  post(verb, asked) {
    const { type, body } = this.input.read();
    const url = `/v1/${verb}/${encodeURIComponent(this.module)}/${encodeURIComponent(this.of.name)}${asked}`;
    return ask(url, { method: "POST", body, headers: { "content-type": type }, signal: this.signal });
  }

  asked(names) {
    const asked = new URLSearchParams();
    for (const [name, input] of this.options.filter(([name]) => names.includes(name))) {
      const values = name === "label" ? input.value.split(/\s+(?=[^\s=]+=)/) : [input.value];
      for (const value of values.map((one) => one.trim()).filter(Boolean)) asked.append(name, value);
    }
    return asked.size ? `?${asked}` : "";
  }
}

/** Arguments in order, of a text that lists them or has them by name. */
function values(text, schema) {
  try {
    const value = exact.parse(text);
    if (Array.isArray(value)) return value;
    return (schema.prefixItems ?? []).map((item) => value?.[item.title]);
  } catch {
    return undefined;
  }
}

function area(kind, text, before) {
  const isJson = kind === "json";
  const control = h("textarea", { rows: 8, spellcheck: "false", class: "code", "aria-label": isJson ? "JSON" : "text" });
  control.value = text ?? (isJson ? "[]" : "");
  const wrong = h("p", { class: "wrong", role: "alert" });
  const read = () => {
    wrong.textContent = "";
    try {
      if (isJson) readable(control.value);
    } catch (error) {
      wrong.textContent = error.message;
      control.focus();
      throw error;
    }
    const type = isJson ? "application/json" : before?.startsWith("text/") ? before : "text/plain";
    return { type, body: control.value };
  };
  return { element: h("div", { class: "field" }, control, wrong), read };
}

function file() {
  const control = h("input", { type: "file", "aria-label": "file" });
  const wrong = h("p", { class: "wrong", role: "alert" });
  const read = () => {
    const [chosen] = control.files;
    wrong.textContent = chosen ? "" : "choose a file";
    if (!chosen) throw new Unreadable("choose a file");
    return { type: chosen.type || "application/octet-stream", body: chosen };
  };
  return { element: h("div", { class: "field" }, control, wrong), read };
}
