// What went wrong, why, and what to do about it: the API's problems, and the failures of functions.

import { h } from "./dom.js";
import { visible } from "./format.js";

/** A problem as the API told it; anything else is a bug of this page. */
export function problemView(error) {
  return h(
    "div",
    { class: "problem", role: "alert" },
    h("strong", {}, error.title ?? "this page met a bug"),
    h("p", {}, visible(error.detail ?? String(error))),
    error.failure && failureView(error.failure),
    error.advice && h("p", { class: "advice" }, "Try: ", visible(error.advice)),
    error.requestId && h("p", { class: "hint" }, `Request ${error.requestId}`),
  );
}

const ADVICE = {
  "timed-out": "give it more time",
  "out-of-memory": "give it more memory",
  "out-of-fuel": "give it more fuel",
  "output-too-large": "allow a larger output",
  "invalid-input": "run it again with another input",
  "not-permitted": "allow what it says",
  transient: "retry it",
  lost: "retry it, with more attempts",
};

/** Why a function gave no output. */
export function failureView(failure) {
  return h(
    "div",
    { class: "failure" },
    h("strong", {}, failure.kind),
    h("p", { class: "message" }, visible(failure.message)),
    failure.limit && h("p", {}, "Limit: ", h("code", {}, JSON.stringify(failure.limit))),
    failure.trace?.length > 0 && h("details", {}, h("summary", {}, "Trace"), h("pre", {}, visible(failure.trace.join("\n")))),
    h("p", { class: "advice" }, "Try: ", ADVICE[failure.kind] ?? "the log shows what it said before"),
  );
}
