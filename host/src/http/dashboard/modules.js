// The page of modules: which there are and what they offer, and a place to drop a new one.

import { ask, json, path } from "./api.js";
import { confirmed, fill, h, say } from "./dom.js";
import { bytes, short, time, visible } from "./format.js";
import { problemView } from "./problem.js";

export async function modules({ main, query, signal }) {
  const problem = h("div");
  const list = h("div", { class: "modules" });
  /** Changes something, says so, and shows what there is now. */
  const change = async (url, method, done) => {
    fill(problem);
    try {
      await ask(url, { method });
      say(done);
      await refresh();
    } catch (error) {
      fill(problem, problemView(error));
    }
  };
  const refresh = async (added) => {
    const { modules } = await json("/v1/modules", { signal });
    const shown = modules.map((module) => card(module, change, [added, query.get("show")].includes(module.digest)));
    fill(list, shown.length ? shown : h("p", { class: "empty" }, "There are no modules yet. Drop a .wasm file above."));
    list.querySelector(".shown")?.scrollIntoView({ block: "nearest" });
  };
  fill(main, h("h1", { tabindex: -1 }, "Modules"), upload(problem, refresh), problem, list);
  await refresh();
}

/** Where a file is dropped or picked. */
function upload(problem, refresh) {
  const picker = h("input", { type: "file", accept: ".wasm,application/wasm", id: "upload-file", "data-first": true });
  const name = h("input", { id: "upload-name", placeholder: "as the file", autocomplete: "off", spellcheck: "false", maxlength: 64 });
  const send = async (files) => {
    fill(problem);
    for (const file of files) await sendFile(file, name.value.trim() || nameOf(file), problem, refresh);
    picker.value = "";
  };
  picker.addEventListener("change", () => send([...picker.files]));
  const zone = h(
    "div",
    { class: "drop", id: "drop" },
    h("p", {}, "Drop a .wasm file here, or pick one."),
    h("label", { for: "upload-name" }, "Name ", name),
    h("label", { for: "upload-file" }, "File ", picker),
  );
  const over = (on) => (event) => (event.preventDefault(), zone.classList.toggle("over", on));
  zone.addEventListener("dragover", over(true));
  zone.addEventListener("dragleave", over(false));
  zone.addEventListener("drop", (event) => (over(false)(event), send([...event.dataTransfer.files])));
  return zone;
}

async function sendFile(file, name, problem, refresh) {
  say(`Uploading ${file.name}, and compiling it…`);
  try {
    const query = name ? `?${new URLSearchParams({ name })}` : "";
    const response = await ask(`/v1/modules${query}`, { method: "PUT", body: file, headers: { "content-type": "application/wasm" } });
    const { module } = await response.json();
    say(`${file.name} is here${name ? `, as ${name}` : ""}`);
    await refresh(module.digest);
  } catch (error) {
    say("");
    problem.append(problemView(error));
  }
}

/** A name that the host takes, of a file's. */
function nameOf(file) {
  return file.name.toLowerCase().replace(/\.wasm$/, "").replace(/[^a-z0-9._-]+/g, "-").replace(/^[^a-z0-9]+/, "").slice(0, 64);
}

function card(module, change, shown) {
  const reference = module.aliases[0] ?? module.digest;
  const functions = module.functions.map((one) => {
    const href = `#/modules/${encodeURIComponent(reference)}/${encodeURIComponent(one.name)}`;
    const name = h("a", { href }, visible(one.name));
    return h("li", { tabindex: -1, "data-row": one.name }, name, " ", h("span", { class: "hint" }, visible(one.summary)));
  });
  const jobs = h("a", { href: `#/jobs?${new URLSearchParams({ module: module.digest })}` }, "its jobs");
  const digest = h("code", { title: module.digest }, short(module.digest));
  const about = `${module.kind}, ${bytes(module.size)}, added ${time(module.added)}, `;
  return h(
    "section",
    { class: shown ? "card shown" : "card" },
    h("h2", {}, module.aliases.length ? module.aliases.join(", ") : short(module.digest)),
    h("p", { class: "hint" }, about, digest, " · ", jobs),
    names(module, change),
    h("ul", { class: "functions" }, functions),
    h("details", {}, h("summary", {}, `${module.imports.length} imports`), h("pre", {}, visible(module.imports.join("\n")))),
  );
}

/** What can be done to a module: a name more, a name less, and the end of it. */
function names(module, change) {
  const name = h("input", { "aria-label": "another name", placeholder: "another name", required: true, maxlength: 64, spellcheck: "false" });
  const give = (event) => {
    event.preventDefault();
    const wanted = name.value.trim();
    const query = new URLSearchParams({ module: module.digest });
    return change(`${path`/v1/aliases/${wanted}`}?${query}`, "PUT", `It is ${wanted} now, too`);
  };
  const take = (alias) => change(path`/v1/aliases/${alias}`, "DELETE", `The name ${alias} is gone`);
  const remove = async () => {
    const called = module.aliases[0] ?? short(module.digest);
    if (!(await confirmed(`Delete ${called} with all its names? Jobs that were submitted and have not run would fail.`))) return;
    await change(path`/v1/modules/${module.digest}`, "DELETE", `${called} is gone`);
  };
  const taken = module.aliases.map((alias) =>
    h("button", { type: "button", onclick: () => take(alias), "data-unname": alias }, `Drop the name ${alias}`),
  );
  return h(
    "details",
    { class: "names" },
    h("summary", {}, "Names, and delete"),
    h("form", { class: "actions", onsubmit: give }, name, h("button", { class: "name" }, "Give this name")),
    h("p", { class: "actions" }, taken, h("button", { type: "button", class: "danger", onclick: remove }, "Delete the module")),
  );
}
