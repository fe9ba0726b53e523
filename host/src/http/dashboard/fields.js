// Fields for the values that a JSON schema describes. Each reads as the text of a JSON value, so that no number is rounded;
// what no field fits is written as JSON.

import { h } from "./dom.js";
import * as json from "./json.js";

const DEPTH = 6;
const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;
const INTEGER = /^-?(0|[1-9]\d*)$/;
let count = 0;

/** What a field cannot be read for; it is shown beside it. */
export class Unreadable extends Error {}

/**
 * A field.
 * @typedef {{element: HTMLElement, read: () => string | undefined}} Field `read` gives JSON, or undefined when it is left empty
 */

/**
 * The field of a schema.
 * @param {any} root the schema that references are resolved in
 * @returns {Field}
 */
export function field(root, schema, name, value, required, depth = 0) {
  schema = resolved(root, schema);
  const { type, nullable } = typeOf(root, schema);
  const inner = type.schema ?? schema;
  const about = { root, schema: inner, name, value: value ?? inner.default ?? undefined, required: required && !nullable, depth };
  if (depth > DEPTH) return raw(about);
  if (Array.isArray(inner.enum)) return choice(about, inner.enum);
  if (inner.const !== undefined) return choice(about, [inner.const]);
  const make = { boolean: nullable ? maybe : flag, integer: number, number, string: words, array, object }[type.name];
  return (make ?? raw)(about);
}

/** The fields of a function's parameters, read as a list of arguments. */
export function parameters(schema, values) {
  const items = schema.prefixItems ?? [];
  const needed = schema.minItems ?? 0;
  const fields = items.map((item, at) => field(schema, item, resolved(schema, item).title ?? `arg${at + 1}`, values?.[at], at < needed));
  const read = () => {
    const texts = fields.map((one) => one.read());
    while (texts.length > needed && texts.at(-1) === undefined) texts.pop();
    return `[${texts.map((text) => text ?? "null").join(", ")}]`;
  };
  const none = fields.length === 0 && h("p", { class: "hint" }, "It takes no input.");
  return { element: h("div", { class: "fields" }, fields.map((one) => one.element), none), read };
}

/** Whether a schema is a list of parameters that have fields. */
export function describesParameters(schema) {
  return Boolean(schema) && (Array.isArray(schema.prefixItems) || schema.maxItems === 0);
}

function resolved(root, schema) {
  for (let step = 0; step < DEPTH && typeof schema?.$ref === "string"; step += 1) {
    const parts = schema.$ref.startsWith("#/") ? schema.$ref.slice(2).split("/") : ["?"];
    const target = parts.reduce((at, part) => at?.[part.replaceAll("~1", "/").replaceAll("~0", "~")], root);
    schema = { ...target, ...schema, $ref: target?.$ref };
  }
  return schema !== null && typeof schema === "object" ? schema : {};
}

/** The one type of a schema, and whether null is another; no name when there are several. */
function typeOf(root, schema) {
  const either = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(either)) {
    const all = either.map((one) => resolved(root, one));
    const others = all.filter((one) => one.type !== "null");
    const inner = { description: schema.description, title: schema.title, ...others[0] };
    if (others.length !== 1) return { type: {}, nullable: false };
    return { type: { name: inner.type, schema: inner }, nullable: all.length > 1 };
  }
  const types = [schema.type].flat();
  const others = types.filter((one) => one !== "null");
  return { type: { name: others.length === 1 ? others[0] : undefined }, nullable: types.length > others.length };
}

/** A label with a control in it, and a place for what is wrong. */
function labelled(about, control, hint, read) {
  const id = `field-${(count += 1)}`;
  control.id = id;
  const wrong = h("span", { class: "wrong", id: `${id}-wrong`, role: "alert" });
  control.setAttribute("aria-describedby", `${id}-hint ${id}-wrong`);
  const optional = about.required ? "" : " (optional)";
  const element = h(
    "div",
    { class: "field" },
    h("label", { for: id }, `${about.name}${optional}`),
    control,
    h("span", { class: "hint", id: `${id}-hint` }, [about.schema.description, hint].filter(Boolean).join(" · ")),
    wrong,
  );
  return { element, read: () => checked(control, wrong, read) };
}

function checked(control, wrong, read) {
  wrong.textContent = "";
  control.removeAttribute("aria-invalid");
  try {
    return read();
  } catch (error) {
    wrong.textContent = error.message;
    control.setAttribute("aria-invalid", "true");
    control.focus();
    throw error;
  }
}

function needed(about, text) {
  if (text !== "") return text;
  if (about.required) throw new Unreadable("this is needed");
  return undefined;
}

function number(about) {
  const { schema, value } = about;
  const whole = schema.type?.includes?.("integer") ?? false;
  const control = h("input", { type: "text", inputmode: whole ? "numeric" : "decimal", autocomplete: "off", spellcheck: "false" });
  control.value = value === undefined || value === null ? "" : json.text(value);
  const bounds = [schema.minimum !== undefined && `at least ${schema.minimum}`, schema.maximum !== undefined && `at most ${schema.maximum}`];
  const hint = [whole ? "a whole number" : "a number", ...bounds].filter(Boolean).join(", ");
  return labelled(about, control, hint, () => {
    const text = needed(about, control.value.trim().replace(/^\+/, ""));
    if (text === undefined) return undefined;
    if (!(whole ? INTEGER : NUMBER).test(text)) throw new Unreadable(`${whole ? "a whole number" : "a number"} is expected`);
    if (Number(text) < schema.minimum || Number(text) > schema.maximum) throw new Unreadable(`it is to be ${hint}`);
    return text;
  });
}

function words(about) {
  const { schema, value } = about;
  const control = h("textarea", { rows: 2, spellcheck: "false" });
  control.value = typeof value === "string" ? value : "";
  const hint = [schema.format, schema.maxLength && `at most ${schema.maxLength} characters`].filter(Boolean).join(", ");
  // An empty text is a text, where one is needed.
  const read = () => (control.value === "" && !about.required ? undefined : JSON.stringify(control.value));
  return labelled(about, control, hint, read);
}

function flag(about) {
  const control = h("input", { type: "checkbox" });
  control.checked = about.value === true;
  return labelled({ ...about, required: true }, control, "", () => String(control.checked));
}

function maybe(about) {
  return choice(about, [true, false]);
}

function choice(about, values) {
  const texts = values.map((value) => json.text(value));
  const empty = about.required ? [] : [h("option", { value: "" }, "–")];
  const control = h("select", {}, empty, texts.map((text) => h("option", { value: text }, text)));
  if (about.value !== undefined && about.value !== null) control.value = json.text(about.value);
  return labelled(about, control, "", () => needed(about, control.value));
}

function raw(about) {
  const control = h("textarea", { rows: 4, spellcheck: "false", class: "code" });
  control.value = about.value === undefined ? "" : json.text(about.value);
  return labelled(about, control, "JSON", () => {
    const text = needed(about, control.value.trim());
    if (text !== undefined) readable(text);
    return text;
  });
}

/** That a text is JSON. */
export function readable(text) {
  try {
    JSON.parse(text);
  } catch (error) {
    throw new Unreadable(`this is no JSON: ${error.message}`);
  }
}

function array(about) {
  const { root, schema, name, value, depth } = about;
  if (Array.isArray(schema.prefixItems) || typeof schema.items !== "object") return raw(about);
  const items = [];
  const list = h("div", { class: "items" });
  const add = (item, focus) => {
    const one = field(root, schema.items, `${name} ${items.length + 1}`, item, true, depth + 1);
    const remove = () => (items.splice(items.indexOf(entry), 1), entry.row.remove());
    const button = h("button", { type: "button", class: "quiet", onclick: remove, "aria-label": `remove this of ${name}` }, "Remove");
    const entry = { one, row: h("div", { class: "item" }, one.element, button) };
    items.push(entry);
    list.append(entry.row);
    if (focus) one.element.querySelector("input, textarea, select")?.focus();
  };
  for (const item of Array.isArray(value) ? value : []) add(item, false);
  const more = h("button", { type: "button", onclick: () => add(undefined, true) }, `Add to ${name}`);
  const element = h("fieldset", {}, h("legend", {}, name), schema.description && h("p", { class: "hint" }, schema.description), list, more);
  const read = () => (items.length === 0 && !about.required ? undefined : `[${items.map(({ one }) => one.read()).join(", ")}]`);
  return { element, read };
}

function object(about) {
  const { root, schema, name, value, depth } = about;
  const entries = Object.entries(schema.properties ?? {});
  if (entries.length === 0) return raw(about);
  const fields = entries.map(([key, of]) => {
    const required = about.required && (schema.required ?? []).includes(key);
    return [key, field(root, of, key, value?.[key], required, depth + 1)];
  });
  const read = () => {
    const texts = fields.map(([key, one]) => [key, one.read()]).filter(([, text]) => text !== undefined);
    if (texts.length === 0 && !about.required) return undefined;
    return `{${texts.map(([key, text]) => `${JSON.stringify(key)}: ${text}`).join(", ")}}`;
  };
  return { element: h("fieldset", {}, h("legend", {}, name), fields.map(([, one]) => one.element)), read };
}
