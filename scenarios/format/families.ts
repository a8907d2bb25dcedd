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

type Family = NonNullable<EngineOverrides["family"]>;

/** Settings that not every family of engines has. */
const OF_FAMILIES: readonly {
  key: keyof EngineOverrides;
  families: readonly Family[];
  what: string;
  hint: string;
  /** Whether some or all of the pools must have it for it to stand at all engines. */
  sharedWith: "some" | "every";
}[] = [
  {
    key: "sglang",
    families: ["sglang"],
    what: "settings of sglang",
    hint: "family: sglang plays SGLang's scheduler",
    // What all engines share is of use if one of them is SGLang's.
    sharedWith: "some",
  },
  {
    key: "kvOffload",
    families: ["vllm"],
    what: "host memory",
    hint: "vllm alone plays it: give it under the pools of that family",
    sharedWith: "every",
  },
  {
    key: "preemption",
    families: ["vllm"],
    what: "choice of who yields",
    hint: "vllm alone has one: trtllm never preempts, sglang takes back those that generated least; leave preemption out",
    sharedWith: "some",
  },
  {
    key: "watermark",
    families: ["vllm", "trtllm"],
    what: "watermark",
    hint: "sglang keeps room for the output of those that run: sglang: { scheduleConservativeness: … }, or leave it out",
    sharedWith: "some",
  },
  {
    key: "chunkedPrefill",
    families: ["vllm", "trtllm"],
    what: "chunkedPrefill",
    hint: "sglang cuts prompts at sglang: { chunkedPrefillSize: … }; leave it out",
    sharedWith: "some",
  },
];

/** What stands at engines of a family that does not have it. */
export function ofOtherFamilies(written: Written): Misplaced[] {
  const played: readonly PoolName[] = written.mode === "agg" ? ["agg"] : ["decode", "prefill"];
  const familyOf = (name: PoolName) => written[name]?.engine.family ?? written.engine?.family ?? "vllm";
  return OF_FAMILIES.flatMap(({ key, families, what, hint, sharedWith }) => {
    const lacks = (name: PoolName) => !families.includes(familyOf(name));
    const misplaced = (path: string[], found: string): Misplaced => ({
      path,
      message: `expected no ${what} for an engine of the family ${found}`,
      params: { hint },
    });
    const own = (["agg", "prefill", "decode"] as const)
      .filter((name) => written[name]?.engine[key] !== undefined && lacks(name))
      .map((name) => misplaced([name, "engine", key], familyOf(name)));
    const others = played.filter(lacks);
    const isMisplaced = sharedWith === "some" ? others.length === played.length : others.length > 0;
    const shared = written.engine?.[key] !== undefined && isMisplaced;
    return shared ? [...own, misplaced(["engine", key], familyOf(others[0]!))] : own;
  });
}
