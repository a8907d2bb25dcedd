import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, it } from "vitest";
import { parse } from "yaml";
import {
  convertGraph,
  decodeOnly,
  type KubernetesObject,
  MANIFEST_DEFAULTS,
  MANIFESTS,
  prefillOnly,
  type RenderPlan,
  renderDeployment,
  yamlStream,
} from "#src/deployment";
import { type Backend, engineLayout } from "#src/estimator";
import { describeWithReference, referencePath } from "../reference.ts";
import { type CrdEra, crdErrors } from "./crd-schema.ts";
import { components, disaggPlan, PROFILE } from "./plans.ts";

const BACKENDS = ["vllm", "sglang", "trtllm"] as const;
const read = (...path: string[]) => parse(readFileSync(referencePath(...path), "utf8")) as KubernetesObject;
const eraOf = (dialect: string): CrdEra => (dialect === "1.0" ? "v1beta1" : "v1alpha1");

const layout = fc.constantFrom("tp1", "tp2", "tp4", "tp8", "tep8", "dep8", "tep16", "dep32").map(engineLayout);
const engine = fc.record({ layout, replicas: fc.integer({ min: 0, max: 40 }) });
const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,10}[a-z0-9]$/);
const text = fc.string({ maxLength: 20 });

/** Any plan that makes sense; `dialect` and `version` as they occur together. */
const anyPlan: fc.Arbitrary<RenderPlan> = fc
  .record({
    generation: fc.constantFrom(["0.6", "v1alpha1"], ["0.8", "v1alpha1"], ["1.0", "v1alpha1"], ["1.0", "v1beta1"]),
    backend: fc.constantFrom(...BACKENDS),
    engines: fc.oneof(
      fc.record({ mode: fc.constant("disagg" as const), prefill: engine, decode: engine }),
      fc.record({ mode: fc.constant("agg" as const), agg: engine }),
    ),
    name,
    gpusPerNode: fc.constantFrom(1, 4, 8),
    metadata: fc.record(
      {
        namespace: name,
        labels: fc.dictionary(name, name, { maxKeys: 2 }),
        annotations: fc.dictionary(name, text, { maxKeys: 2 }),
        runtimeVersionOverride: fc.constant("1.4.0"),
        modelCache: fc.record({
          pvcName: name,
          pvcPath: fc.constantFrom("", "a/b", "/opt/c/a", "/a"),
          mountPath: fc.constantFrom("/opt/c", "/opt/c/"),
        }),
      },
      { requiredKeys: [] },
    ),
    model: fc.constantFrom("Qwen/Qwen3-32B", "/models/local"),
    planner: fc.option(fc.constantFrom("disagg", "agg", "prefill", "decode", "none"), { nil: undefined }),
    settings: fc.dictionary(fc.stringMatching(/^[a-z_]{1,12}$/), fc.oneof(text, fc.boolean(), fc.integer())),
    mocker: fc.option(fc.constantFrom("dynamo", "understudy"), { nil: undefined }),
    profile: fc.boolean(),
  })
  .map(({ generation: [dialect, version], engines, metadata, planner, settings, mocker, profile, ...rest }) => ({
    ...rest,
    ...engines,
    ...metadata,
    dialect: dialect as "0.6",
    version: version as "v1alpha1",
    image: "registry.example/runtime:1",
    suffix: { plannerConfig: "3fa1", profileData: "9c0e" },
    ...(profile && { profile: PROFILE }),
    ...(planner && {
      planner: { dialect: dialect as "0.6", image: "p:1", settings, scaling: planner as "disagg" },
    }),
    ...(mocker && {
      mocker: {
        flavour: mocker as "dynamo",
        image: "m:1",
        speedupRatio: 2.5,
        estimator: { backend: rest.backend, backendVersion: "1", system: "h200_sxm" },
      },
    }),
  }));

describeWithReference("what is rendered is what the CRDs take", () => {
  it("[R108] [R109] [R113] for any plan, in the generation's own version", () => {
    fc.assert(
      fc.property(anyPlan, (plan) => {
        const documents = renderDeployment(plan);
        const dgd = documents.at(-1)!;
        expect(crdErrors(dgd, eraOf(plan.dialect!))).toEqual([]);
        for (const { kind, data } of documents.slice(0, -1)) {
          expect(kind).toBe("ConfigMap");
          for (const json of Object.values(data as Record<string, string>)) JSON.parse(json);
        }
        const back = yamlStream(documents, plan.dialect!)
          .split(/^---\n/m)
          .map((part) => parse(part, { version: "1.1" }));
        expect(back).toEqual(JSON.parse(JSON.stringify(documents)));
      }),
      { numRuns: 150 },
    );
  });

  it("for any plan converted to the other version, too", () => {
    fc.assert(
      fc.property(anyPlan, (plan) => {
        const dgd = renderDeployment(plan).at(-1)!;
        const other = plan.version === "v1alpha1" ? "v1beta1" : "v1alpha1";
        const { object, notes } = convertGraph(dgd, other);
        expect(crdErrors(object, "v1beta1")).toEqual([]);
        expect(notes).toEqual([]);
        const counts = (dgd: KubernetesObject) =>
          Object.values(components(dgd)).map(({ name, replicas, args, gpus }) => [name, replicas, args, gpus]);
        expect(counts(object)).toEqual(counts(dgd));
      }),
      { numRuns: 100 },
    );
  });

  it("[R188] for every manifest of NVIDIA's kinds, in every generation", () => {
    const seen = new Set<string>();
    for (const dialect of ["0.3", "0.6", "0.8", "1.0"] as const) {
      for (const manifest of MANIFESTS.filter(({ dialects }) => dialects.includes(dialect))) {
        for (const backend of BACKENDS) {
          for (const object of manifest.build({ ...MANIFEST_DEFAULTS, dialect, backend })) {
            if (!object.apiVersion.startsWith("nvidia.com/")) continue;
            expect(crdErrors(object, eraOf(dialect)), `${manifest.name} ${dialect}`).toEqual([]);
            seen.add(`${object.kind} ${object.apiVersion}`);
          }
        }
      }
    }
    expect(seen.size).toBe(4);
  });

  it("the check finds what is wrong: types, enums, patterns, unknown and missing fields", () => {
    const [dgd] = renderDeployment(disaggPlan({ runtimeVersionOverride: "1.4" }));
    const broken = structuredClone(dgd!) as unknown as { spec: { components: Record<string, unknown>[]; x?: number } };
    broken.spec.x = 1;
    broken.spec.components[0]!.type = "proxy";
    broken.spec.components[1]!.replicas = "2";
    delete broken.spec.components[2]!.name;
    const found = crdErrors(broken, "v1beta1").join("\n");
    for (const part of ["unknown field", "not in the enum", "no integer", "name: missing", "against ^(0|"]) {
      expect(found).toContain(part);
    }
  });
});

describeWithReference("Dynamo's own deployments", () => {
  const templates = readdirSync(referencePath("dgd-templates"))
    .flatMap((backend) => readdirSync(referencePath("dgd-templates", backend)).map((file) => [backend, file] as const))
    .filter(([backend]) => backend !== "mocker");

  it.each(templates)("[R017] %s/%s survives being edited: what the plan does not name stays", (backend, file) => {
    const base = read("dgd-templates", backend, file);
    const mode = file === "agg.yaml" ? "agg" : "disagg";
    const engine = { layout: engineLayout("tp4"), replicas: 2 };
    const plan = disaggPlan({ base, backend: backend as Backend, mode, name: "edited", image: "new:1" });
    const [dgd] = renderDeployment({
      ...plan,
      ...(mode === "agg" ? { agg: engine } : { prefill: engine, decode: engine }),
    });
    expect(crdErrors(dgd, "v1beta1")).toEqual([]);
    const [before, after] = [components(base), components(dgd!)];
    expect(Object.keys(after)).toEqual(Object.keys(before));
    for (const [name, { args, container }] of Object.entries(before)) {
      const edited = after[name]!;
      expect(edited.container.workingDir).toBe(container.workingDir);
      expect(edited.container.resources?.requests).toEqual(container.resources?.requests);
      const kept = args.filter((arg) => arg.startsWith("--"));
      expect(edited.args.filter((arg) => kept.includes(arg))).toEqual(kept);
    }
  });

  it.each(templates.filter(([, file]) => file === "disagg.yaml"))(
    "%s/%s makes candidates for prefill and decode alone",
    (backend, file) => {
      const base = read("dgd-templates", backend, file);
      const options = {
        backend: backend as Backend,
        dialect: "1.0",
        layout: engineLayout("dep16"),
        gpusPerNode: 8,
        isMoe: true,
      } as const;
      for (const convert of [prefillOnly, decodeOnly]) {
        const candidate = convert(base, options);
        expect(crdErrors(candidate, "v1beta1")).toEqual([]);
        expect(Object.values(components(candidate)).map(({ type }) => type)).toEqual(["frontend", "decode"]);
      }
    },
  );

  it.each([...templates, ["mocker", "disagg.yaml"] as const])(
    "%s/%s is the same after a turn through the other version",
    (backend, file) => {
      const original = read("dgd-templates", backend, file);
      const there = convertGraph(original, "v1alpha1");
      expect([there.notes, crdErrors(there.object, "v1beta1")]).toEqual([[], []]);
      expect(convertGraph(there.object, "v1beta1").object).toEqual(original);
    },
  );
});

describeWithReference("Dynamo's own requests", () => {
  it.each(["profile_sla_dgdr", "profile_sla_aic_dgdr", "profile_sla_moe_dgdr"])(
    "[R012] [R188] ours of the name %s asks for the same",
    (file) => {
      const theirs = read("dgdr-v1alpha1-samples", `${file}.yaml`);
      expect(crdErrors(theirs, "v1alpha1")).toEqual([]);
      const manifest = MANIFESTS.find((candidate) => candidate.file === `${file}.yaml`)!;
      const [ours] = manifest.build({ ...MANIFEST_DEFAULTS, dialect: "0.6" });
      const withoutImages = (object: KubernetesObject) => {
        const { profilingConfig, deploymentOverrides: _, ...spec } = object.spec as Record<string, unknown>;
        const { profilerImage: __, ...config } = profilingConfig as Record<string, unknown>;
        return { ...spec, name: object.metadata!.name, ...config };
      };
      expect(withoutImages(ours!)).toEqual(withoutImages(theirs));
    },
  );
});
