import type { ComponentPlan, ReplicaTemplate, RunPlan } from "#src/deployment";

/** Model that the plans serve. */
export const MODEL = "mock";

const NO_PROBES = { readiness: null, liveness: null, startup: null };

export function template(kind: ReplicaTemplate["kind"], argv: readonly string[]): ReplicaTemplate {
  return {
    ...{ kind, argv, env: {}, mounts: [], files: [], folders: [], port: null, prometheus: null },
    ...{ workersPerReplica: 1, probes: NO_PROBES, terminationGraceSeconds: 30 },
  };
}

export function component(
  name: string,
  role: ComponentPlan["role"],
  replicas: number,
  of: ReplicaTemplate,
  revision = "1",
): ComponentPlan {
  const gpusPerReplica = role === "prefill" || role === "decode" ? 1 : null;
  return { name, role, replicas, gpusPerReplica, minAvailable: null, hasScalingAdapter: false, template: of, revision };
}

/** A frontend, and prefill and decode workers that take `ttftMs` and `itlMs`. */
export function disaggregated({
  prefill = 1,
  decode = 1,
  ttftMs = 20,
  itlMs = 5,
  revision = "1",
  name = "mocker-disagg",
} = {}): RunPlan {
  const timing = ["--timing", `fixed:${ttftMs}ms,${itlMs}ms`, "--model-name", MODEL];
  return {
    ...{ namespace: "default", name, apiVersion: "nvidia.com/v1beta1", model: MODEL, notes: [] },
    components: [
      component("Frontend", "frontend", 1, template("frontend", ["frontend"])),
      component(
        "prefill",
        "prefill",
        prefill,
        template("worker", ["mocker", "--disaggregation-mode", "prefill", ...timing]),
        revision,
      ),
      component(
        "decode",
        "decode",
        decode,
        template("worker", ["mocker", "--disaggregation-mode", "decode", ...timing]),
        revision,
      ),
    ],
  };
}
