import { createHash } from "node:crypto";
import type { ReplicaTemplate } from "./types.ts";

/** Ten hex digits that are the same for the same template, whatever the order of its keys. */
export function revisionOf(template: ReplicaTemplate): string {
  return createHash("sha256").update(stableJson(template)).digest("hex").slice(0, 10);
}

function stableJson(value: unknown): string {
  if (value instanceof Uint8Array) return JSON.stringify(Buffer.from(value).toString("base64"));
  if (Array.isArray(value)) return `[${value.map(stableJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${stableJson(item)}`).join(",")}}`;
}
