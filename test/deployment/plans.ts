import type { KubernetesObject, RenderPlan } from "#src/deployment";
import { engineLayout } from "#src/estimator";

export const PROFILE = {
  name: "measured",
  prefill: { isl: [100, 2621, 5142], ttftMs: [34.75, 48.17, 80.5], throughputPerGpu: [2877.2, 54408.7, 63875.5] },
  decode: {
    kvUsage: [0.0005, 0.5],
    contextLength: [350, 350],
    itlMs: [3.2, 8.5],
    throughputPerGpu: [310.4, 9000],
    maxKvTokens: 643891,
  },
  provenance: {},
};

/** A plan for two engines of one backend; what a test is about goes on top. */
export function disaggPlan(plan: Partial<RenderPlan> = {}): RenderPlan {
  return {
    version: "v1beta1",
    name: "vllm-disagg",
    backend: "vllm",
    model: "Qwen/Qwen3-32B",
    mode: "disagg",
    prefill: { layout: engineLayout("tp2"), replicas: 1 },
    decode: { layout: engineLayout("tp4"), replicas: 1 },
    gpusPerNode: 8,
    image: "registry.example:5000/team/vllm-runtime:1.0",
    suffix: { plannerConfig: "3fa1", profileData: "9c0e" },
    ...plan,
  };
}

interface Container {
  image: string;
  command?: string[];
  args?: string[];
  workingDir?: string;
  env?: { name: string; value?: string }[];
  envFrom?: { secretRef: { name: string } }[];
  resources?: { limits?: Record<string, string>; requests?: Record<string, string> };
  volumeMounts?: { name: string; mountPath: string; readOnly?: boolean }[];
}

/** One component of either version, with the parts that tests look at in one place. */
export interface Seen {
  name: string;
  type: unknown;
  replicas: unknown;
  container: Container;
  args: string[];
  gpus: string | undefined;
  fields: Record<string, unknown>;
  volumes: Record<string, unknown>[];
}

/** Components by name, whatever the version. */
export function components(dgd: KubernetesObject): Record<string, Seen> {
  const spec = dgd.spec as { services?: Record<string, unknown>; components?: unknown[] };
  const seen = spec.services
    ? Object.entries(spec.services).map(([name, service]) => ofService(name, service as Service))
    : (spec.components ?? []).map((component) => ofComponent(component as Component));
  return Object.fromEntries(seen.map((entry) => [entry.name, entry]));
}

interface Service extends Record<string, unknown> {
  resources?: { limits?: { gpu?: string } };
  extraPodSpec?: { mainContainer?: Container; volumes?: Record<string, unknown>[] };
}

function ofService(name: string, service: Service): Seen {
  const container = service.extraPodSpec?.mainContainer ?? { image: "" };
  return {
    name,
    type: service.subComponentType ?? service.componentType,
    replicas: service.replicas,
    container,
    args: container.args ?? [],
    gpus: service.resources?.limits?.gpu,
    fields: service,
    volumes: service.extraPodSpec?.volumes ?? [],
  };
}

interface Component extends Record<string, unknown> {
  name: string;
  podTemplate: { spec: { containers: (Container & { name: string })[]; volumes?: Record<string, unknown>[] } };
}

function ofComponent(component: Component): Seen {
  const container = component.podTemplate.spec.containers.find(({ name }) => name === "main")!;
  return {
    name: component.name,
    type: component.type,
    replicas: component.replicas,
    container,
    args: container.args ?? [],
    gpus: container.resources?.limits?.["nvidia.com/gpu"],
    fields: component,
    volumes: component.podTemplate.spec.volumes ?? [],
  };
}

/** Value behind a flag in an argument list; undefined where the flag is not there. */
export function flagValue(args: readonly string[], flag: string): string | undefined {
  const at = args.indexOf(flag);
  return at < 0 ? undefined : args[at + 1];
}
