import { stringify } from "yaml";
import type { DecodeResult, Mapping, PrefillResult, SweepResults } from "#src/profiler";
import { type WebUiContent, type WebUiContentOptions, webUiContent } from "#src/web";

/** A mapping of plain tensor parallelism. */
export function tp(gpus: number): Mapping {
  const layout = { tp: gpus, pp: 1, attentionDp: 1, moeTp: gpus, moeEp: 1, gpus };
  return { layout, kind: "TP", label: `TP=${gpus}`, tag: `TP${gpus}` };
}

export function prefill(gpus: number, ttftMs: number, throughputPerGpu: number): PrefillResult {
  return { mapping: tp(gpus), ttftMs, throughputPerGpu, origin: "table" };
}

export function decode(gpus: number, concurrency: number, itlMs: number, throughputPerGpu: number): DecodeResult {
  return { mapping: tp(gpus), concurrency, itlMs, throughputPerGpu, maxKvTokens: 500_000 * gpus, origin: "table" };
}

const ISL = 3000;
const OSL = 150;

/** A sweep as a 32B model in fp8 on H200 gives it, from a simple model of its costs. */
export function sweep(): SweepResults {
  const sizes = [1, 2, 4, 8];
  return {
    prefill: sizes.map((gpus) => {
      const ttftMs = 21 + 168 / gpus ** 0.93;
      return prefill(gpus, ttftMs, (ISL / ttftMs / gpus) * 1000);
    }),
    decode: sizes.flatMap((gpus) =>
      [1, 8, 24, 64, 128, 256].map((concurrency) => {
        const n = Math.min(concurrency * Math.sqrt(gpus), concurrency + 180);
        const itlMs = 2.9 + 8.4 / gpus + (0.062 * n) / gpus ** 0.9;
        return decode(gpus, Math.round(n), itlMs, ((1000 / itlMs) * Math.round(n)) / gpus);
      }),
    ),
    skipped: [{ phase: "decode", label: "TP=16", reason: "8 KV heads can't be split over 16 GPUs" }],
  };
}

/** A deployment of two mappings as the CLI might render it. */
export function deploymentYaml(prefillMapping: Mapping, decodeMapping: Mapping): string {
  const worker = ({ layout }: Mapping, name: string) => ({
    componentType: "worker",
    subComponentType: name,
    replicas: 1,
    resources: { limits: { gpu: String(layout.gpus) } },
    extraPodSpec: { mainContainer: { args: ["--tensor-parallel-size", String(layout.tp)] } },
  });
  return stringify({
    apiVersion: "nvidia.com/v1alpha1",
    kind: "DynamoGraphDeployment",
    spec: {
      services: {
        TRTLLMPrefillWorker: worker(prefillMapping, "prefill"),
        TRTLLMDecodeWorker: worker(decodeMapping, "decode"),
      },
    },
  });
}

/** The page's content of that sweep, for the targets of the documents' example: TTFT 200 ms, ITL 15 ms. */
export function content(options: Partial<WebUiContentOptions> = {}): WebUiContent {
  return webUiContent({
    results: sweep(),
    sla: { ttftMs: 200, itlMs: 15 },
    isl: ISL,
    osl: OSL,
    model: "Qwen/Qwen3-32B-FP8",
    backend: "trtllm",
    configOf: deploymentYaml,
    ...options,
  });
}
