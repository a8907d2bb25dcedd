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
    const workers = mode === "agg" ? ["worker"] : ["decode", "prefill"];
    expect(plan!.components.map(({ role }) => role)).toEqual(["frontend", ...workers, "planner"]);
    const { env } = plan!.components.at(-1)!.template;
    const ofTheCluster = ["FRONTEND_URLS", "LISTEN_HOST", "CONTROL_API_PORT", "LIVE_DASHBOARD_PORT"];
    for (const name of ofTheCluster) expect(env).not.toHaveProperty(`UNDERSTUDY_PLANNER_${name}`);
    if (flavour === "understudy") {
      expect(plan!.notes.join("\n")).toMatch(/UNDERSTUDY_PLANNER_FRONTEND_URLS.* left aside: the runner says it/);
    }
    const profiled = plan!.components.filter(({ template }) => template.kind === "worker");
    expect(profiled.length).toBe(mode === "agg" ? 1 : 2);
    for (const { template } of profiled) {
      const names = template.files.map(({ mountPath }) => mountPath.split("/").at(-1)).sort();
      expect(names).toEqual(["decode_raw_data.json", "prefill_raw_data.json"]);
      expect(template.argv.join(" ")).toMatch(/--(profile|planner-profile-data) \S+profiling_results/);
    }
  });
});
