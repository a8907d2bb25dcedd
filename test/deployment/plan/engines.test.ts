import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { decodeOnly, prefillOnly, renderDeployment } from "#src/deployment";
import { type Backend, engineLayout } from "#src/estimator";
import { flagValue } from "../../../src/deployment/plan/flags.ts";
import { disaggPlan } from "../plans.ts";
import { oneComponent, plansOf, refusal } from "./support.ts";

const DIALECTS = ["0.6", "0.8", "1.0"] as const;
const BACKENDS = ["vllm", "sglang", "trtllm"] as const;

function base(backend: Backend, dialect: (typeof DIALECTS)[number]) {
  const version = dialect === "1.0" ? ("v1beta1" as const) : ("v1alpha1" as const);
  return renderDeployment(disaggPlan({ backend, dialect, version })).at(-1)!;
}

/** Our command lines of the workers, by role. */
function played(dgd: object, playEngines = "h200_sxm") {
  const [plan] = plansOf(JSON.stringify(dgd), { playEngines });
  const workers = plan!.components.filter(({ template }) => template.kind === "worker");
  return { plan: plan!, workers, argv: workers[0]!.template.argv };
}

const worker = (command: string, component: object = {}) =>
  parse(oneComponent({ command: command.split(" ") }, { component })) as object;

describe("real engines that mockers play", () => {
  it("are refused without a GPU to play them on, and the hint names the flag", () => {
    const error = refusal(() => plansOf(oneComponent({ command: ["python3", "-m", "dynamo.vllm", "--model", "m"] })));
    expect(error.code).toBe("DEPLOYMENT_REAL_ENGINE");
    expect(error.hint).toMatch(/^--play-engines h200_sxm .*understudy profile/);
    const other = refusal(() =>
      plansOf(oneComponent({ command: ["vllm", "serve", "m"] }), { playEngines: "h200_sxm" }),
    );
    expect(other.code).toBe("DEPLOYMENT_REAL_ENGINE");
    expect(other.hint).not.toContain("--play-engines");
  });

  it.each(BACKENDS)("%s: a disaggregated deployment of every dialect keeps its halves", (backend) => {
    for (const dialect of DIALECTS) {
      const { plan, workers } = played(base(backend, dialect));
      expect(plan.model).toBe("Qwen/Qwen3-32B");
      expect(workers.map(({ role }) => role).sort()).toEqual(["decode", "prefill"]);
      for (const { role, template } of workers) {
        expect(flagValue(template.argv, "disaggregation-mode")).toBe(role);
        expect(flagValue(template.argv, "aic-backend")).toBe(backend);
        expect(flagValue(template.argv, "aic-system")).toBe("h200_sxm");
        expect(template.argv).toContain("--engine-log");
      }
      expect(plan.notes.join("\n")).toContain(`dynamo.${backend} is played by a mocker`);
    }
  });

  it.each(BACKENDS)("%s: a candidate does both, with its own cache reuse, limits and layout", (backend) => {
    for (const dialect of DIALECTS) {
      for (const label of ["tp1", "tp4", "tep8", "dep8"]) {
        const options = { backend, dialect, layout: engineLayout(label), gpusPerNode: 8, isMoe: label !== "tp4" };
        const prefill = played(prefillOnly(base(backend, dialect), options)).argv;
        const decode = played(decodeOnly(base(backend, dialect), options)).argv;
        expect(prefill).toContain("--no-enable-prefix-caching");
        expect(decode).not.toContain("--no-enable-prefix-caching");
        for (const argv of [prefill, decode]) {
          expect(flagValue(argv, "disaggregation-mode")).toBe("agg");
          const gpus = label.replace(/\D/g, "");
          const own = label.startsWith("dep") ? "aic-attention-dp-size" : "aic-tp-size";
          expect(flagValue(argv, own)).toBe(gpus);
          expect(flagValue(argv, "aic-moe-ep-size")).toBe(label.startsWith("tp") ? undefined : gpus);
          expect(flagValue(argv, "data-parallel-size")).toBe(label.startsWith("dep") ? gpus : undefined);
        }
      }
    }
  });

  it("limits, memory and blocks are those of the command line", () => {
    const line =
      "python3 -m dynamo.vllm --model org/m --served-model-name m -tp 2 --max-model-len 4096 --max-num-seqs 8 --gpu-memory-utilization=0.5 --block-size 32";
    const { argv } = played(worker(line));
    expect(argv).toEqual([
      ...["mocker", "--model-path", "org/m", "--model-name", "m", "--aic-perf-model", "--aic-system", "h200_sxm"],
      ...["--aic-backend", "vllm", "--aic-tp-size", "2", "--block-size", "32", "--max-num-seqs", "8"],
      ...["--max-model-len", "4096", "--gpu-memory-utilization", "0.5", "--disaggregation-mode", "agg", "--engine-log"],
    ]);
    const sglang = played(worker("python3 -m dynamo.sglang --model-path m --mem-fraction-static 0.7")).argv;
    expect(flagValue(sglang, "mem-fraction-static")).toBe("0.7");
    expect(flagValue(sglang, "block-size")).toBe("1");
    const old = played(worker("python3 -m dynamo.sglang.decode_worker --model-path m")).argv;
    expect(flagValue(old, "disaggregation-mode")).toBe("decode");
    const prefill = played(worker("python3 -m dynamo.vllm --model m --is-prefill-worker", { type: "prefill" })).argv;
    expect(flagValue(prefill, "disaggregation-mode")).toBe("prefill");
  });

  it("weights on a claim are their model by its name", () => {
    const dgd = JSON.parse(
      oneComponent(
        {
          command: ["python3", "-m", "dynamo.vllm", "--model", "/cache/m", "--served-model-name", "org/m"],
          volumeMounts: [{ name: "cache", mountPath: "/cache" }],
        },
        { pod: { volumes: [{ name: "cache", persistentVolumeClaim: { claimName: "models" } }] } },
      ),
    ) as object;
    expect(flagValue(played(dgd).argv, "model-path")).toBe("org/m");
  });

  it.each(["python3 -m dynamo.vllm", "python3 -m dynamo.trtllm --model m --override-engine-args {"])(
    "what can't be read is refused with its place: %s",
    (line) => {
      const error = refusal(() => played(worker(line)));
      expect(error.code).toBe("DEPLOYMENT_BAD_ENGINE");
      expect(error.where).toContain("spec.components[0].podTemplate.spec.containers[0]");
    },
  );
});
