import { UserError } from "#common";
import { type ProfilingInput, readProfilingRequest } from "#src/profiler";

export interface ReadOptions {
  flags?: Readonly<Record<string, string | true>>;
  input?: Partial<ProfilingInput>;
  /** Files by name, beside the request itself. */
  files?: Readonly<Record<string, string>>;
  isSupported?: (model: string, system: string, backend: string) => boolean;
}

export function flagsOf(flags: Readonly<Record<string, string | true>>): ProfilingInput["flags"] {
  return Object.entries(flags).map(([name, value]) => ({ flag: `--${name}`, name, value }));
}

/** Reads a request that stands in `request.yaml`. */
export function readText(text: string, { flags = {}, input = {}, files = {}, isSupported }: ReadOptions = {}) {
  const all: Readonly<Record<string, string>> = { "request.yaml": text, ...files };
  return readProfilingRequest(
    { config: "request.yaml", flags: flagsOf(flags), environment: {}, ...input },
    {
      readFile: (path) => {
        const found = all[path];
        if (found === undefined) throw Object.assign(new Error("ENOENT: no such file"), { code: "ENOENT" });
        return found;
      },
      ...(isSupported === undefined ? {} : { isSupported }),
    },
  );
}

export function readFlags(flags: Readonly<Record<string, string | true>>, input: Partial<ProfilingInput> = {}) {
  return readProfilingRequest({ flags: flagsOf(flags), environment: {}, ...input });
}

/** The user's mistake that an action ends in. */
export function mistake(action: () => unknown): UserError {
  try {
    action();
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error("expected a UserError");
}

/** A DGDR v1alpha1 with `config` as its profiling config, and lines of the spec after it. */
export function v1alpha1(config: string, spec: readonly string[] = [], backend = "vllm"): string {
  return [
    "apiVersion: nvidia.com/v1alpha1",
    "kind: DynamoGraphDeploymentRequest",
    "metadata:",
    "  name: sla",
    "spec:",
    "  model: Qwen/Qwen3-32B",
    `  backend: ${backend}`,
    "  profilingConfig:",
    "    profilerImage: registry.example.com/profiler:1",
    "    config:",
    ...config.split("\n").map((line) => `      ${line}`),
    ...spec.map((line) => `  ${line}`),
    "",
  ].join("\n");
}

export const SLA = "sla: {isl: 3000, osl: 150, ttft: 200.0, itl: 20.0}";

/** A v1beta1 spec that is complete, with members changed or (null) taken out. */
export function spec(changes: Record<string, unknown> = {}): string {
  const whole: Record<string, unknown> = {
    model: "Qwen/Qwen3-32B",
    backend: "trtllm",
    image: "registry.example.com/dynamo-planner:1",
    hardware: { gpuSku: "h200_sxm", numGpusPerNode: 8, totalGpus: 8 },
    ...changes,
  };
  return JSON.stringify(Object.fromEntries(Object.entries(whole).filter(([, value]) => value !== null)), null, 1);
}
