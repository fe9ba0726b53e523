// Makes elements. Text only ever becomes text: nothing here, or anywhere in the dashboard, parses HTML.

/** How long what is said stays, in milliseconds. */
const SAID = 10_000;

/**
 * An element with attributes, listeners (`onclick: f`) and children. What is null, undefined or false is left out.
 * @param {string} tag
 * @param {Record<string, any>} [attributes]
 * @param {...any} children
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...shown(children));
  return element;
}

/** Puts these children in place of those that are there. */
export function fill(element, ...children) {
  element.replaceChildren(...shown(children));
  return element;
}

/** Writes a text, unless it is there already: who has marked it keeps the mark. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Says something to those who look and to those who listen. */
export function say(text) {
  const place = document.getElementById("say");
  write(place, text);
  if (text) setTimeout(() => place.textContent === text && write(place, ""), SAID);
}

/** Asks whether to do it. */
export function confirmed(question) {
  const dialog = document.getElementById("confirm-dialog");
  write(document.getElementById("confirm-text"), question);
  return answer(dialog).then((value) => value === "ok");
}

/** Shows a dialog and waits for what it is closed with. */
export function answer(dialog) {
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true }));
}

function shown(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}
