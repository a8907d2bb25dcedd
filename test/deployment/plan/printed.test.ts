import { describe, expect, it } from "vitest";
import { MANIFEST_DEFAULTS, MANIFESTS, manifestYaml } from "#src/deployment";
import { plansOf } from "./support.ts";

const printed = (options: object) =>
  manifestYaml(
    MANIFESTS.find(({ name }) => name === "deployment")!.build({
      ...MANIFEST_DEFAULTS,
      namespace: "llm",
      image: "understudy:1",
      dialect: "1.0",
      ...options,
    }),
  );

describe("mock deployments as `understudy manifests deployment` prints them", () => {
  it.each(
    (["dynamo", "understudy"] as const).flatMap((flavour) =>
      (["0.8", "1.0"] as const).flatMap((dialect) =>
        (["disagg", "agg"] as const).map((mode) => ({ flavour, dialect, mode })),
      ),
    ),
  )("can be run on one machine, too: $flavour, $dialect, $mode", ({ flavour, dialect, mode }) => {
    const [plan] = plansOf(printed({ flavour, dialect, mode }));
    const roles = mode === "agg" ? ["frontend", "worker"] : ["frontend", "decode", "prefill"];
    const isAdapted = mode === "agg" && dialect === "0.8";
    expect(plan!.components.map(({ role }) => role)).toEqual([...(isAdapted ? ["frontend", "worker"] : roles), "planner"]);
    const profiled = plan!.components.filter(({ template }) => template.kind === "worker");
    expect(profiled.length).toBe(mode === "agg" ? 1 : 2);
    for (const { template } of profiled) {
      const names = template.files.map(({ mountPath }) => mountPath.split("/").at(-1)).sort();
      expect(names).toEqual(["decode_raw_data.json", "prefill_raw_data.json"]);
      expect(template.argv.join(" ")).toMatch(/--(profile|planner-profile-data) \S+profiling_results/);
    }
  });
});
