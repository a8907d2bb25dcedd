import type { YamlSource } from "#common/documents";
import { isMap } from "./documents.ts";
import { severalRequests, unknownKind } from "./errors.ts";
import { plainName } from "./normalise.ts";

/** What a document asks to profile, by how it is to be read. */
export type RequestKind = "v1alpha1" | "v1alpha1-spec" | "v1beta1" | "v1beta1-spec" | "profiling-config";

export interface SortedDocuments {
  request?: { kind: RequestKind; source: YamlSource };
  /** A DGD to start from. */
  base?: YamlSource;
  configMaps: YamlSource[];
}

const SPEC_KEYS = names(
  "model image backend modelCache workload features overrides searchStrategy autoApply runtimeVersionOverride",
);
const CONFIG_KEYS = names("deployment engine sweep aic planner output_dir deployment_ready_timeout_s aic_system");
const SPEC_HARDWARE = names("gpuSku vramMb totalGpus interconnect rdma");

/**
 * Sorts the documents of a stream by their kind; what has no `kind` is told by its keys.
 * @throws UserError PROFILER_UNKNOWN_KIND, PROFILER_SEVERAL_REQUESTS
 */
export function sortDocuments(sources: readonly YamlSource[], label: string): SortedDocuments {
  const sorted: SortedDocuments = { configMaps: [] };
  for (const source of sources) {
    const kind = kindOf(source);
    if (kind === "config-map") sorted.configMaps.push(source);
    else if (kind === "dgd") sorted.base ??= source;
    else if (sorted.request === undefined) sorted.request = { kind, source };
    else throw severalRequests(source.locate([]), sorted.request.source.locate([]));
  }
  if (sorted.request === undefined && sorted.base === undefined) {
    const first = sources[0];
    throw unknownKind(first?.locate([]) ?? label, first === undefined ? "nothing" : "ConfigMaps alone");
  }
  return sorted;
}

function kindOf(source: YamlSource): RequestKind | "dgd" | "config-map" {
  const { value } = source;
  if (!isMap(value)) throw unknownKind(source.locate([]), Array.isArray(value) ? "a list" : "no keys and values");
  const { kind, apiVersion } = value;
  if (kind === "ConfigMap") return "config-map";
  if (kind === "DynamoGraphDeployment") return "dgd";
  if (
    kind === "DynamoGraphDeploymentRequest" ||
    (kind === undefined && isMap(value.spec) && apiVersion !== undefined)
  ) {
    if (apiVersion === "nvidia.com/v1alpha1") return "v1alpha1";
    if (apiVersion === "nvidia.com/v1beta1") return "v1beta1";
    throw unknownKind(source.locate(["apiVersion"]), `apiVersion ${shown(apiVersion)}`);
  }
  if (kind !== undefined) throw unknownKind(source.locate(["kind"]), `kind ${shown(kind)}`);
  return kindByKeys(value);
}

function kindByKeys(value: Record<string, unknown>): RequestKind {
  const keys = Object.keys(value).map(plainName);
  if (keys.includes("profilingconfig")) return "v1alpha1-spec";
  if (keys.some((key) => CONFIG_KEYS.has(key))) return "profiling-config";
  if (keys.some((key) => SPEC_KEYS.has(key))) return "v1beta1-spec";
  const hardware = Object.entries(value).find(([key]) => plainName(key) === "hardware")?.[1];
  if (isMap(hardware) && Object.keys(hardware).some((key) => SPEC_HARDWARE.has(plainName(key)))) return "v1beta1-spec";
  return "profiling-config";
}

function names(words: string): ReadonlySet<string> {
  return new Set(words.split(" ").map(plainName));
}

function shown(value: unknown): string {
  return value === undefined ? "missing" : JSON.stringify(value);
}
