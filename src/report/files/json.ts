/**
 * JSON with two-space indentation in which arrays of plain values stay on one line, so that long columns of numbers can be
 * read and diffed. What JSON has no word for (NaN, infinities, undefined in arrays) becomes null. Keys keep their order.
 */
export function readableJson(value: unknown): string {
  return `${write(value, "")}\n`;
}

function write(value: unknown, indent: string): string {
  if (value === null || typeof value !== "object") return plain(value);
  const inner = `${indent}  `;
  if (Array.isArray(value) || ArrayBuffer.isView(value)) {
    const items = Array.from(value as ArrayLike<unknown>);
    if (items.every((item) => item === null || typeof item !== "object")) return `[${items.map(plain).join(", ")}]`;
    return `[\n${items.map((item) => inner + write(item, inner)).join(",\n")}\n${indent}]`;
  }
  const entries = Object.entries(value).filter(([, field]) => field !== undefined && typeof field !== "function");
  if (entries.length === 0) return "{}";
  const lines = entries.map(([key, field]) => `${inner}${JSON.stringify(key)}: ${write(field, inner)}`);
  return `{\n${lines.join(",\n")}\n${indent}}`;
}

function plain(value: unknown): string {
  return JSON.stringify(value) ?? "null";
}
