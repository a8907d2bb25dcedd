import { UserError } from "#common";
import type { YamlErrors } from "#common/documents";

/** What can be wrong with a planner's configuration. Codes are stable. */

export interface ConfigProblem {
  where: string;
  message: string;
  hint?: string | undefined;
}

const MAX_SHOWN = 8;

/** Everything that is wrong: the first in full, the others one line each. */
export function configInvalid(problems: readonly ConfigProblem[]): UserError {
  const [first, ...others] = problems;
  const lines = others
    .slice(0, MAX_SHOWN)
    .map(({ where, message, hint }) => `\n  ${where}: ${message}${hint ? ` (${hint})` : ""}`);
  if (others.length > MAX_SHOWN) lines.push(`\n  and ${others.length - MAX_SHOWN} more`);
  return make("PLANNER_CONFIG_INVALID", first!.where, first!.message + lines.join(""), first!.hint);
}

export function configNotFound(argument: string): UserError {
  const shown = argument.length > 80 ? `${argument.slice(0, 77)}…` : argument;
  return make(
    "PLANNER_CONFIG_NOT_FOUND",
    "--config",
    `found no file ${JSON.stringify(shown)}, expected a file of YAML or JSON, or the configuration itself`,
    'such as --config planner.yaml, or --config \'{"mode": "agg"}\'',
  );
}

export function configUnreadable(file: string, reason: string): UserError {
  return make("PLANNER_CONFIG_UNREADABLE", file, `found ${reason}, expected a file of YAML or JSON`);
}

export function configNoMap(where: string): UserError {
  return make(
    "PLANNER_CONFIG_NOT_A_MAP",
    where,
    "found no keys and values, expected a planner's configuration",
    "such as mode: disagg",
  );
}

export const YAML_ERRORS: YamlErrors = {
  invalid: (where, reason) => make("PLANNER_CONFIG_INVALID_YAML", where, `not valid YAML: ${reason}`),
  tooLarge: (file, found, expected) => make("PLANNER_CONFIG_TOO_LARGE", file, `found ${found}, expected ${expected}`),
};

function make(code: string, where: string, message: string, hint?: string): UserError {
  return new UserError({ code, where, message, ...(hint === undefined ? {} : { hint }) });
}
