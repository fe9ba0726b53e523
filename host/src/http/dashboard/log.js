// The log of a job, as it comes: the latest lines, for a guest may write more than a page can hold.

import { h, write } from "./dom.js";
import { time, visible } from "./format.js";

const LINES = 2000;

export class Log {
  constructor() {
    Object.assign(this, { waiting: [], count: 0, asked: false, dropped: 0 });
    this.lines = h("div", { class: "log", role: "log", tabindex: 0, "aria-label": "log" });
    this.state = h("p", { class: "hint" }, "Connecting…");
    this.element = h("div", {}, this.lines, this.state);
  }

  /** Takes a line. Lines are shown together when the page is drawn next; what would be gone by then is not kept. */
  add(entry) {
    this.count += 1;
    this.waiting.push(entry);
    if (this.waiting.length > LINES) this.waiting.shift();
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.asked = false;
    const { lines } = this;
    const follows = lines.scrollTop + lines.clientHeight >= lines.scrollHeight - 8;
    lines.append(...this.waiting.splice(0).map(line));
    while (lines.childElementCount > LINES) lines.firstChild.remove();
    if (follows) lines.scrollTop = lines.scrollHeight;
    this.tell();
  }

  live(connected) {
    this.how = connected ? "live" : "connection lost; trying again";
    this.tell();
  }

  ended(dropped) {
    Object.assign(this, { how: "the end", dropped });
    this.tell();
  }

  tell() {
    const shown = this.count > LINES ? `, the last ${LINES} of them shown` : "";
    const dropped = this.dropped ? `; ${this.dropped} more were dropped, for the log was full` : "";
    write(this.state, `${this.count} ${this.count === 1 ? "line" : "lines"}${shown} · ${this.how ?? ""}${dropped}`);
  }
}

function line({ at, level, message, attempt }) {
  const first = attempt > 1 ? `#${attempt} ` : "";
  const moment = h("time", { datetime: at, title: at }, time(at));
  return h("div", { class: `line ${level}` }, moment, " ", h("b", {}, level), " ", first + visible(message));
}
