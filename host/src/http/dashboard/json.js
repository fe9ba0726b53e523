// JSON whose numbers stay as they were written: 2^64 - 1 is an input like any other, and no number of JavaScript.

/** A number that JavaScript would round, or write in another way. */
export class Exact {
  constructor(source) {
    this.source = source;
  }
}

/** Reads JSON. Older browsers do not tell how a number was written, and round it. */
export function parse(text) {
  return JSON.parse(text, (_, value, context) => {
    const other = typeof value === "number" && context?.source && String(value) !== context.source;
    return other ? new Exact(context.source) : value;
  });
}

/** Writes JSON, with line breaks. */
export function text(value, indent = "") {
  if (value instanceof Exact) return value.source;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const deeper = `${indent}  `;
  const parts = Array.isArray(value)
    ? value.map((item) => text(item, deeper))
    : Object.entries(value).map(([name, item]) => `${JSON.stringify(name)}: ${text(item, deeper)}`);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  const line = parts.join(", ");
  if (line.length < 72 && !line.includes("\n")) return open + line + close;
  return `${open}\n${deeper}${parts.join(`,\n${deeper}`)}\n${indent}${close}`;
}
