// One thing done to many jobs, a few at a time.

import { ask, path } from "./api.js";
import { confirmed, say } from "./dom.js";

const AT_ONCE = 4;

/** Cancels these jobs. Gives the problems that there were. */
export function cancel(ids) {
  return each(ids, "cancel", "cancelled", (id) => ask(path`/v1/jobs/${id}/cancel?reason=from the dashboard`, { method: "POST" }));
}

/** Submits the calls of these jobs once more. */
export function retry(ids) {
  return each(ids, "retry", "submitted again", (id) => ask(path`/v1/jobs/${id}/retry`, { method: "POST" }));
}

async function each(ids, verb, done, send) {
  if (ids.length > 1 && !(await confirmed(`${verb} ${ids.length} jobs?`))) return [];
  const [left, problems] = [[...ids], []];
  const worker = async () => {
    while (left.length > 0) await send(left.pop()).catch((problem) => problems.push(problem));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  say(ids.length === 1 && problems.length === 0 ? `The job is ${done}` : `${ids.length - problems.length} of ${ids.length} ${done}`);
  return problems;
}
