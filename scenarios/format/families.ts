import type { EngineOverrides } from "./engine.ts";

type PoolName = "agg" | "prefill" | "decode";
type Written = { mode: "agg" | "disagg"; engine?: EngineOverrides | undefined } & {
  [Name in PoolName]?: { engine: EngineOverrides } | undefined;
};

interface Misplaced {
  path: string[];
  message: string;
  params: { hint: string };
}

/** Settings that one family of engines alone has. */
const OF_ONE_FAMILY = [
  {
    key: "sglang",
    family: "sglang",
    what: "settings of sglang",
    hint: "family: sglang plays SGLang's scheduler",
    // What all engines share is of use if one of them is SGLang's.
    sharedWith: "some",
  },
  {
    key: "kvOffload",
    family: "vllm",
    what: "host memory",
    hint: "vllm alone plays it: give it under the pools of that family",
    sharedWith: "every",
  },
] as const;

/** What stands at engines of a family that does not have it. */
export function ofOtherFamilies(written: Written): Misplaced[] {
  const played: readonly PoolName[] = written.mode === "agg" ? ["agg"] : ["decode", "prefill"];
  const familyOf = (name: PoolName) => written[name]?.engine.family ?? written.engine?.family ?? "vllm";
  return OF_ONE_FAMILY.flatMap(({ key, family, what, hint, sharedWith }) => {
    const misplaced = (path: string[], found: string): Misplaced => ({
      path,
      message: `expected no ${what} for an engine of the family ${found}`,
      params: { hint },
    });
    const own = (["agg", "prefill", "decode"] as const)
      .filter((name) => written[name]?.engine[key] !== undefined && familyOf(name) !== family)
      .map((name) => misplaced([name, "engine", key], familyOf(name)));
    const others = played.filter((name) => familyOf(name) !== family);
    const isMisplaced = sharedWith === "some" ? others.length === played.length : others.length > 0;
    const shared = written.engine?.[key] !== undefined && isMisplaced;
    return shared ? [...own, misplaced(["engine", key], familyOf(others[0]!))] : own;
  });
}
