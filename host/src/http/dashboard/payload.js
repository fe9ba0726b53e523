// An input or output, shown by its type. Guests write it, so it is only ever text, or a picture that runs nothing.

import { ask } from "./api.js";
import { h } from "./dom.js";
import { bytes, visible } from "./format.js";
import * as json from "./json.js";

/** More is not shown, only saved. */
const SHOWN = 2 << 20;
/** Pictures without scripts in them: SVG is shown as the text it is. */
const PICTURES = ["image/png", "image/jpeg", "image/gif", "image/webp"];
const TEXTS = /^(text\/|image\/svg\+xml|application\/(xml|javascript|x-ndjson|toml|yaml)|.*\+xml$)/;
/** Children of one node of a tree that are shown at first. */
const CHILDREN = 100;

/**
 * A payload that is fetched from `path` and shown below `element`.
 * @param {{content_type: string, bytes: number}} size
 */
export async function payloadView(path, size, name, signal) {
  const save = h("button", { type: "button", class: "quiet", onclick: () => download(path, name) }, "Download");
  const head = h("p", { class: "hint" }, `${size.content_type}, ${bytes(size.bytes)} `, save);
  if (size.bytes > SHOWN) return h("div", {}, head, h("p", {}, "Too large to be shown here."));
  const response = await ask(path, { signal });
  return h("div", {}, head, await shown(response, plain(size.content_type), signal));
}

/** The body of an answer, as its type wants it. */
export async function shown(response, type = plain(response.headers.get("content-type") ?? ""), signal) {
  if (PICTURES.includes(type)) return picture(await response.blob(), type, signal);
  if (type === "application/json" || type.endsWith("+json")) return jsonView(await response.text());
  if (TEXTS.test(type)) return textView(await response.text());
  return h("p", {}, "Bytes, which only a program can read.");
}

/** Saves a payload as a file. The name of its type is left to the system. */
export async function download(path, name) {
  save(await (await ask(path)).blob(), name);
}

export function save(blob, name) {
  // As bytes, whatever the guest says it is: a browser that opens the file runs nothing of it here.
  const url = URL.createObjectURL(new Blob([blob], { type: "application/octet-stream" }));
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

function plain(type) {
  return type.split(";")[0].trim().toLowerCase();
}

function picture(blob, type, signal) {
  const url = URL.createObjectURL(new Blob([blob], { type }));
  signal?.addEventListener("abort", () => URL.revokeObjectURL(url), { once: true });
  const failed = () => image.replaceWith(h("p", {}, `This is no picture, though it is called ${type}.`));
  const image = h("img", { class: "output", src: url, alt: "the output, a picture", onerror: failed });
  return image;
}

function textView(text) {
  return h("pre", { class: "text", tabindex: 0 }, visible(text));
}

function jsonView(text) {
  try {
    return h("div", { class: "tree" }, node(null, json.parse(text), 0));
  } catch {
    return textView(text);
  }
}

/** A value of a tree; those deeper than two levels are closed, and made only when they are opened. */
function node(name, value, depth) {
  const label = name === null ? [] : [h("span", { class: "name" }, visible(String(name))), ": "];
  if (value === null || typeof value !== "object" || value instanceof json.Exact) {
    return h("div", { class: "leaf" }, label, h("span", { class: kind(value) }, visible(json.text(value))));
  }
  const entries = Object.entries(value);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  if (entries.length === 0) return h("div", { class: "leaf" }, label, open + close);
  const branch = h("details", {}, h("summary", {}, label, `${open}${entries.length}${close}`));
  const grow = () => branch.childElementCount === 1 && branch.append(children(entries, depth + 1));
  branch.addEventListener("toggle", () => branch.open && grow());
  if (depth < 2) {
    grow();
    branch.open = true;
  }
  return branch;
}

function children(entries, depth) {
  const list = h("div", { class: "children" });
  const more = () => {
    const next = entries.splice(0, CHILDREN).map(([name, value]) => node(name, value, depth));
    list.append(...next);
    if (entries.length > 0) {
      const button = h("button", { type: "button", class: "quiet", onclick: () => (button.remove(), more()) }, `${entries.length} more`);
      list.append(button);
    }
  };
  more();
  return list;
}

function kind(value) {
  return value === null ? "null" : value instanceof json.Exact ? "number" : typeof value;
}
