import { UserError } from "#common";

/** The catalogue of what can be wrong with a trace or a scenario. Codes are stable. */

function withHint(code: string, where: string, message: string, hint?: string): UserError {
  return new UserError({ code, where, message, ...(hint === undefined ? {} : { hint }) });
}

export function traceUnreadable(file: string, reason: string, hint?: string): UserError {
  return withHint("SCENARIOS_TRACE_UNREADABLE", file, `found ${reason}, expected a JSONL trace`, hint);
}

export function traceBadJson(where: string, reason: string): UserError {
  return withHint(
    "SCENARIOS_TRACE_BAD_JSON",
    where,
    `found a line that is no JSON (${reason}), expected one JSON object a line`,
    'such as {"timestamp": 0, "input_length": 3000, "output_length": 300, "hash_ids": [1, 2]}',
  );
}

export function traceBadField(where: string, key: string, found: unknown, expected: string, hint?: string): UserError {
  const shown = found === undefined ? "nothing" : clip(JSON.stringify(found) ?? String(found));
  return withHint("SCENARIOS_TRACE_BAD_FIELD", where, `"${key}": found ${shown}, expected ${expected}`, hint);
}

export function traceOutOfOrder(
  where: string,
  timestampMs: number,
  previousMs: number,
  previousWhere: string,
): UserError {
  return withHint(
    "SCENARIOS_TRACE_OUT_OF_ORDER",
    where,
    `found timestamp ${timestampMs} after ${previousMs} (line ${previousWhere.replace(/^.*:/, "")}), expected timestamps that never fall`,
    'sort the file by time: jq -s -c "sort_by(.timestamp)[]" FILE',
  );
}

export function traceTooLarge(where: string, what: string, hint: string): UserError {
  return withHint("SCENARIOS_TRACE_TOO_LARGE", where, what, hint);
}

export function traceEmpty(file: string, rows: number): UserError {
  return withHint(
    "SCENARIOS_TRACE_EMPTY",
    file,
    rows === 0 ? "found no requests, expected at least one" : `none of the ${rows} requests lies in the slice`,
    rows === 0 ? "an empty file is no traffic; use a constant shape with rate 0 for that" : "widen the slice",
  );
}

export function badTraffic(where: string, message: string, hint?: string): UserError {
  return withHint("SCENARIOS_BAD_TRAFFIC", where, message, hint);
}

function clip(text: string): string {
  return text.length > 100 ? `${text.slice(0, 97)}…` : text;
}

export function yamlInvalid(where: string, reason: string): UserError {
  return withHint("SCENARIOS_YAML_INVALID", where, `not valid YAML: ${clip(reason)}`);
}

export function yamlTooLarge(file: string, found: string, expected: string): UserError {
  return withHint("SCENARIOS_YAML_TOO_LARGE", file, `found ${found}, expected ${expected}`);
}

export function policiesUnreadable(file: string, reason: string): UserError {
  return withHint(
    "SCENARIOS_UNREADABLE",
    file,
    `found ${reason}, expected a file of policy classes`,
    "paths in a scenario are relative to the scenario's file",
  );
}

export function scenarioUnreadable(file: string, reason: string, hint?: string): UserError {
  return withHint("SCENARIOS_UNREADABLE", file, `found ${reason}, expected a scenario file`, hint);
}

/** The first problem in full, the others one line each. */
export function scenarioInvalid(
  problems: { where: string; message: string; hint?: string }[],
  more: number,
): UserError {
  const [first, ...others] = problems;
  const lines = others.map(({ where, message, hint }) => `\n  ${where}: ${message}${hint ? ` (${hint})` : ""}`);
  if (more > 0) lines.push(`\n  and ${more} more`);
  return withHint("SCENARIOS_INVALID", first!.where, first!.message + lines.join(""), first!.hint);
}

/** A value that is to be set where the document has no place for it. */
export function overrideMisplaced(where: string, path: string, found: string): UserError {
  return withHint(
    "SCENARIOS_OVERRIDE_MISPLACED",
    where,
    `found ${found} at ${path === "" ? "the document's root" : path}, expected something that has this field`,
    "write the path as the scenario has it: deployment.decode.workers, traffic[0].constant.requestRate",
  );
}
