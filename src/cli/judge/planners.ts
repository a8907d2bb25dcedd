import { BASELINES, unknownPlanner } from "#src/study";
import { badExternal, nameTaken } from "./errors.ts";
import type { ExternalPlanner } from "./external.ts";
import type { PlannerChoice } from "./tasks.ts";

/** A planner to be judged, by the name that tables have. */
export interface JudgedChoice {
  name: string;
  choice: PlannerChoice;
}

/** `default,hpa,own`. @throws UserError STUDY_PLANNER_UNKNOWN */
export function baselineChoices(text: string): JudgedChoice[] {
  const names = text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  return names.map((name): JudgedChoice => {
    if (name === "own") return { name, choice: { kind: "own" } };
    if (!BASELINES.some((baseline) => baseline.name === name)) throw unknownPlanner(name);
    return { name, choice: { kind: "baseline", name, setting: 0 } };
  });
}

/** `mine=http://127.0.0.1:9100`, `mine=virtual:file:./state`. @throws UserError CLI_USAGE */
export function externalChoice(text: string, timeoutMs: number): JudgedChoice {
  const [, name, where] = /^([\w.-]+)=(.+)$/.exec(text.trim()) ?? [];
  if (name === undefined || where === undefined) throw badExternal(text);
  return { name, choice: externalAt(name, where, timeoutMs, text) };
}

function externalAt(name: string, where: string, timeoutMs: number, text: string): ExternalPlanner {
  if (where.startsWith("virtual:")) {
    const store = where.slice("virtual:".length);
    if (!/^(file:.|https?:|etcd:)/.test(store)) throw badExternal(text);
    return { kind: "store", name, store, timeoutMs };
  }
  const url = URL.parse(where);
  if (url === null || !/^https?:$/.test(url.protocol)) throw badExternal(text);
  return { kind: "http", name, url: where, timeoutMs };
}

/** @throws UserError where two have one name */
export function distinct(choices: readonly JudgedChoice[]): JudgedChoice[] {
  const seen = new Set<string>();
  for (const { name } of choices) {
    if (seen.has(name)) throw nameTaken(name);
    seen.add(name);
  }
  return [...choices];
}

/** What a planner was set to, for people. */
export function settingText({ choice }: JudgedChoice): string {
  switch (choice.kind) {
    case "own":
      return "as each scenario has it";
    case "baseline":
      return BASELINES.find(({ name }) => name === choice.name)!.settings[choice.setting]!.text;
    case "http":
      return choice.url;
    case "store":
      return choice.store;
  }
}
