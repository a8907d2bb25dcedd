import { describe, expect, it } from "vitest";
import { decodeOnly, type KubernetesObject, prefillOnly, renderDeployment, workerEngine } from "#src/deployment";
import { type Backend, engineLayout } from "#src/estimator";
import { candidateParts } from "../../../src/profiler/thorough/candidate-parts.ts";
import { disaggPlan } from "../../deployment/plans.ts";

const DIALECTS = ["0.6", "0.8", "1.0"] as const;

function base(backend: Backend, dialect: (typeof DIALECTS)[number]): KubernetesObject {
  return renderDeployment(
    disaggPlan({
      name: `${backend}-disagg`,
      backend,
      dialect,
      version: dialect === "1.0" ? "v1beta1" : "v1alpha1",
      prefill: { layout: engineLayout("tp1"), replicas: 3 },
      decode: { layout: engineLayout("tp1"), replicas: 2 },
    }),
  ).at(-1)!;
}

const workerOf = (dgd: KubernetesObject) => {
  const parts = candidateParts(dgd);
  expect(parts.map(({ role }) => role).sort()).toEqual(["frontend", "worker"]);
  return workerEngine(parts.find(({ role }) => role === "worker")!.words, "w");
};

describe("the engine that a candidate describes", () => {
  it.each(["vllm", "sglang", "trtllm"] as const)(
    "%s: its layout is read back from the flags of every dialect",
    (backend) => {
      for (const dialect of DIALECTS) {
        for (const label of ["tp1", "tp4", "tep8", "dep8"]) {
          const options = { backend, dialect, layout: engineLayout(label), gpusPerNode: 8, isMoe: label !== "tp4" };
          const engine = workerOf(decodeOnly(base(backend, dialect), options));
          expect(engine).toMatchObject({ backend, parallelism: label, layout: engineLayout(label) });
          expect(engine.servedModel).toBe("Qwen/Qwen3-32B");
        }
      }
    },
  );

  it.each(["vllm", "sglang", "trtllm"] as const)(
    "[R070] [R078] %s: prefill candidates reuse no KV, decode candidates do",
    (backend) => {
      for (const dialect of DIALECTS) {
        const options = { backend, dialect, layout: engineLayout("tp2"), gpusPerNode: 8 };
        expect(workerOf(prefillOnly(base(backend, dialect), options)).prefixCaching).toBe(false);
        expect(workerOf(decodeOnly(base(backend, dialect), options)).prefixCaching).toBe(true);
      }
    },
  );

  it("limits of a prefill candidate are its engine's", () => {
    const options = { backend: "vllm", dialect: "0.8", layout: engineLayout("tp2"), gpusPerNode: 8 } as const;
    expect(workerOf(prefillOnly(base("vllm", "0.8"), options))).toMatchObject({
      maxNumSeqs: 1,
      maxNumBatchedTokens: 32_768,
    });
  });

  it("a shell's script and --flag=value are read, too; the last one counts", () => {
    const script =
      "python3 -m dynamo.vllm --model org/name --max-model-len=4096 --tensor-parallel-size 2 -tp 4 2>&1 | tee log";
    const engine = workerEngine(["sh", "-c", ...script.split(" ")], "w");
    expect(engine).toMatchObject({ model: "org/name", servedModel: "org/name", maxModelLen: 4096, parallelism: "tp4" });
  });

  it("what is no engine of the three backends is refused by name", () => {
    const dgd = {
      apiVersion: "nvidia.com/v1alpha1",
      kind: "DynamoGraphDeployment",
      metadata: { name: "odd" },
      spec: { services: { Frontend: { componentType: "frontend" } } },
    };
    expect(() => candidateParts(dgd)).toThrow(/found no worker/);
    const words = ["python3", "-m", "dynamo.mocker"];
    expect(() => workerEngine(words, "w")).toThrow(/none of dynamo.vllm/);
  });
});
