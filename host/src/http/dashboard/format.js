// Times, spans and sizes as people read them.

import { now } from "./api.js";

/** `14:03:07`, with the day if it was another. */
export function time(moment) {
  const date = new Date(moment);
  const clock = date.toLocaleTimeString([], { hour12: false });
  return date.toDateString() === new Date(now()).toDateString() ? clock : `${date.toLocaleDateString()} ${clock}`;
}

/** A span of milliseconds: `12 ms`, `3.2 s`, `4 min 10 s`. */
export function span(milliseconds) {
  if (!Number.isFinite(milliseconds)) return "–";
  const seconds = Math.max(0, milliseconds) / 1000;
  if (seconds < 1) return `${milliseconds < 10 ? Math.max(0, milliseconds).toFixed(1) : Math.round(milliseconds)} ms`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const [minutes, hours] = [Math.floor(seconds / 60), Math.floor(seconds / 3600)];
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} days`;
}

/** How long ago. */
export function ago(moment) {
  const past = now() - Date.parse(moment);
  return past < 1500 ? "now" : `${past < 60000 ? `${Math.floor(past / 1000)} s` : span(past)} ago`;
}

/** How long a job has run, in milliseconds; undefined before its start. */
export function ran(job) {
  if (!job.started) return undefined;
  return micros(job.finished ?? new Date(now()).toISOString()) - micros(job.started);
}

/** Milliseconds since 1970, with the microseconds that `Date` drops. */
export function micros(moment) {
  const part = /\.(\d+)/.exec(moment)?.[1] ?? "";
  return Date.parse(moment.replace(/\.\d+/, "")) + Number(`0.${part || 0}`) * 1000;
}

export function bytes(count) {
  if (count < 1024) return `${count} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(units.length, Math.floor(Math.log2(count) / 10));
  return `${(count / 1024 ** power).toFixed(1)} ${units[power - 1]}`;
}

/** The first digits of a digest; all of a name. */
export function short(module) {
  return module.startsWith("sha256:") ? module.slice(7, 19) : module;
}

/** What a job's module is called. */
export function moduleOf(job) {
  return job.options?.module_name ?? short(job.module);
}

/** Control characters made visible, but line breaks and tabs: a guest may send anything. */
export function visible(text) {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, (c) =>
    c === "\r" ? c : c === "\u007f" ? "\u2421" : String.fromCharCode(0x2400 + c.charCodeAt(0)),
  );
}
