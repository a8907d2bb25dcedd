import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { planDeployments, readManifests } from "#src/deployment";
import type { Plan } from "../deployment/plan/support.ts";
import { describeWithReference, referencePath } from "../reference.ts";
import { printedConfig } from "./planned-commands.ts";
import { runUnderstudy } from "./run-understudy.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "understudy-planned-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function plansOf(file: string): Plan[] {
  return planDeployments(readManifests(readFileSync(file, "utf8"), file), { store: "local" });
}

/** Every component's command, through our command line; by component what it prints. */
async function printed(plan: Plan): Promise<Record<string, string>> {
  const texts: Record<string, string> = {};
  for (const { name, template } of plan.components) {
    texts[name] = await printedConfig(template, mkdtempSync(join(folder, "pod-")));
  }
  return texts;
}

const sketch = ({ name, model, components }: Plan) => ({
  name,
  model,
  roles: Object.fromEntries(components.map((component) => [component.name, component.role])),
  kinds: [...new Set(components.map(({ template }) => template.kind))].sort(),
});

describeWithReference("manifests that are run unchanged", () => {
  it("the reference's template for mockers", async () => {
    const [plan] = plansOf(referencePath("dgd-templates", "mocker", "disagg.yaml"));
    expect(sketch(plan!)).toEqual({
      name: "mocker-disagg",
      model: "nvidia/Llama-3.1-8B-Instruct-FP8",
      roles: { Frontend: "frontend", decode: "decode", prefill: "prefill" },
      kinds: ["frontend", "worker"],
    });
    const texts = await printed(plan!);
    expect(JSON.parse(texts.decode!)).toMatchObject({ worker: { model: plan!.model, engine: { role: "decode" } } });
    expect(JSON.parse(texts.prefill!)).toMatchObject({ worker: { engine: { role: "prefill" } } });
  });

  it("the deployment that the reference's operator was given", async () => {
    const [plan, ...others] = plansOf(referencePath("dgdr-golden", "deployment", "output.yaml"));
    expect(others).toEqual([]);
    expect(sketch(plan!)).toMatchObject({ name: "aic-deployment-dgd", model: "Qwen/Qwen3-0.6B" });
    const { decode } = await printed(plan!);
    expect(JSON.parse(decode!)).toMatchObject({ worker: { engine: { timing: "estimator", role: "decode" } } });
    expect(plan!.notes.join("\n")).toContain("left aside: DynamoComponentDeployment, Deployment");
  });

  it("real engines are refused, with what to do instead", () => {
    for (const backend of ["vllm", "sglang", "trtllm"]) {
      for (const mode of ["agg", "disagg"]) {
        const file = referencePath("dgd-templates", backend, `${mode}.yaml`);
        expect(() => plansOf(file), file).toThrow(`dynamo.${backend}, a real engine`);
      }
    }
  });

  const samples = ["profile_sla_aic_dgdr", "profile_sla_dgdr", "profile_sla_moe_dgdr"];
  it.each(samples)("what our profiler makes of %s, with mockers", async (name) => {
    const out = join(folder, name);
    const request = referencePath("dgdr-v1alpha1-samples", `${name}.yaml`);
    const flags = ["--dialect", "0.8", "--strategy", "rapid", "--gpu", "h200_sxm", "--output-dir", out, "--quiet"];
    expect(runUnderstudy(folder, "profile", "--config", request, ...flags)).toMatchObject({ status: 0 });
    const [plan] = plansOf(join(out, "mocker_config_with_planner.yaml"));
    expect(sketch(plan!)).toMatchObject({
      roles: { Frontend: "frontend", decode: "decode", prefill: "prefill", Planner: "planner" },
      kinds: ["frontend", "planner", "worker"],
    });
    const texts = await printed(plan!);
    expect(JSON.parse(texts.decode!)).toMatchObject({ worker: { model: plan!.model, engine: { timing: "profile" } } });
    expect(texts.Planner).toMatch(/environment: local\b/);
    expect(texts.Planner).toMatch(/strategy: sla-compat\b/);
    expect(texts.Planner).toMatch(/profile_results_dir: \/.*understudy-planned-.*\/workspace\/profiling_results\b/);
  });

  const requests: [file: string[], flags: string[]][] = [
    [["dgdr-golden", "deployment", "input.yaml"], []],
    [["dgdr-configs", "3b_rapid_supported_planner_rapid_sweep_mocker.yaml"], []],
    [
      ["dgdr-configs", "3b_rapid_supported_planner_rapid_sweep_mocker.yaml"],
      ["--mocker-flavour", "understudy"],
    ],
  ];
  it.each(requests)("what our profiler makes of %j with %j", async (file, flags) => {
    const out = mkdtempSync(join(folder, "profile-"));
    const config = referencePath(...file);
    expect(
      runUnderstudy(folder, "profile", "--config", config, ...flags, "--output-dir", out, "--quiet"),
    ).toMatchObject({ status: 0 });
    const [plan] = plansOf(join(out, "final_config.yaml"));
    expect(plan!.model).toBe(file[0] === "dgdr-golden" ? "Qwen/Qwen3-0.6B" : "Qwen/Qwen3-32B");
    const texts = await printed(plan!);
    expect(JSON.parse(texts.prefill!)).toMatchObject({ worker: { model: plan!.model, engine: { role: "prefill" } } });
    const planner = plan!.components.find(({ role }) => role === "planner");
    expect(planner === undefined).toBe(file[0] === "dgdr-golden");
    if (planner) {
      expect(texts.Planner).toMatch(/environment: local\b/);
      expect(plan!.components.filter(({ hasScalingAdapter }) => hasScalingAdapter).map(({ role }) => role)).toEqual([
        "decode",
        "prefill",
      ]);
    }
  });
});
