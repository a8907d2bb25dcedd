import type { DiscoveredHardware } from "../discovery/select-gpus.ts";
import { inferSku, skuByName } from "../discovery/skus.ts";
import type { Dialect, HardwareRequest } from "../types.ts";
import type { Draft } from "./draft.ts";
import { hardwareUnknown, missing, refused } from "./errors.ts";
import { HARDWARE, MOE_NODES } from "./presets.ts";
import type { SettingName } from "./settings.ts";

export interface HardwareContext {
  dialect: Dialect;
  /** True for a v1beta1 document, which must name its hardware. */
  strict: boolean;
  /** Where the document has, or should have, its `hardware`. */
  where: string;
  discovered?: DiscoveredHardware;
  /** The GPU that the estimator is told to play, where it is asked. */
  aicSystem?: string;
  namespaceRestricted: boolean;
}

/** Systems whose nodes don't have eight GPUs. */
const GPUS_PER_NODE: Readonly<Record<string, number>> = { gb200: 4, gb300: 4, gb10: 1 };

/** @throws UserError PROFILER_MISSING, PROFILER_HARDWARE_UNKNOWN, PROFILER_GPU_RANGE */
export function hardwareOf(draft: Draft, context: HardwareContext): HardwareRequest {
  const { discovered } = context;
  if (discovered !== undefined && draft.get("enableGpuDiscovery") === true) overrule(draft, discovered);
  const gpuSku = skuOf(draft, context);
  if (context.strict) requireHardware(draft, context, gpuSku);
  const vramMib = draft.get("vramMib") ?? discovered?.vramMib;
  const totalGpus = draft.get("totalGpus") ?? discovered?.totalGpus;
  const interconnect = draft.get("interconnect") ?? discovered?.interconnect;
  const rdma = draft.get("rdma") ?? discovered?.rdma;
  const known = gpuSku !== undefined || vramMib !== undefined;
  const gpusPerNode = perNode(draft, discovered, gpuSku);
  return {
    ...(gpuSku === undefined ? {} : { gpuSku }),
    ...(vramMib === undefined ? {} : { vramMib }),
    gpusPerNode,
    ...(totalGpus === undefined ? {} : { totalGpus }),
    ...engineRange(draft, context.dialect, known, gpusPerNode),
    ...(interconnect === undefined ? {} : { interconnect }),
    ...(rdma === undefined ? {} : { rdma }),
    discovered: discovered !== undefined,
  };
}

/** What was found takes the place of what was said, with a warning where that was something else. */
function overrule(draft: Draft, discovered: DiscoveredHardware): void {
  const found: [SettingName, unknown][] = [
    ["gpusPerNode", discovered.gpusPerNode],
    ["vramMib", discovered.vramMib],
    ["gpuSku", discovered.gpuSku],
    ["minGpusPerEngine", undefined],
    ["maxGpusPerEngine", undefined],
  ];
  for (const [name, value] of found) {
    const said = draft.get(name);
    if (said === undefined || said === value || said === 0) continue;
    const instead = value === undefined ? "model size and GPU memory decide" : `${JSON.stringify(value)} was found`;
    draft.warnings.push(`${draft.where(name)}: ${JSON.stringify(said)} is ignored, GPU discovery is on: ${instead}`);
  }
  for (const [name] of found) draft.drop(name);
}

function skuOf(draft: Draft, { discovered, aicSystem }: HardwareContext): string | undefined {
  const said = draft.get("gpuSku") ?? discovered?.gpuSku ?? aicSystem;
  if (said !== undefined) return estimatorName(said);
  const hint = draft.get("gpuType");
  if (hint === undefined) return undefined;
  const inferred = skuByName(hint) ?? inferSku(hint);
  if (inferred !== undefined) return estimatorName(inferred);
  draft.warnings.push(`${draft.where("gpuType")}: "${hint}" is no GPU that we know; the hint is left out`);
  return undefined;
}

/** The estimator calls GB200 by its chip alone. */
export function estimatorName(sku: string): string {
  return sku === "gb200_sxm" ? "gb200" : sku;
}

function requireHardware(draft: Draft, context: HardwareContext, gpuSku: string | undefined): void {
  const { discovered, where } = context;
  const nodes = draft.get("gpusPerNode") ?? discovered?.gpusPerNode;
  if (gpuSku !== undefined && nodes !== undefined) return;
  if (context.namespaceRestricted) throw hardwareUnknown(where);
  const hint = "name it, or find it: kubectl get nodes -o json > nodes.json; understudy profile --nodes nodes.json";
  const anything = (["vramMib", "totalGpus", "gpusPerNode", "interconnect", "rdma", "gpuSku"] as const).some((name) =>
    draft.has(name),
  );
  if (!anything && discovered === undefined) throw missing(where, "'hardware' is required in the DGDR spec.", hint);
  if (gpuSku === undefined) throw missing(where, "'hardware.gpuSku' is required in the DGDR spec.", hint);
  throw missing(where, "'hardware.numGpusPerNode' must be a positive integer.", "such as 8");
}

function perNode(draft: Draft, discovered: DiscoveredHardware | undefined, gpuSku: string | undefined): number {
  const said = draft.get("gpusPerNode");
  if (said !== undefined && said > 0) return said;
  const found =
    discovered?.gpusPerNode ?? (gpuSku === undefined ? undefined : (GPUS_PER_NODE[gpuSku] ?? HARDWARE.perNode));
  if (found !== undefined) return found;
  if (said === 0) draft.warnings.push(setTo("num_gpus_per_node", HARDWARE.perNode));
  return HARDWARE.perNode;
}

/**
 * Bounds of an engine's GPUs. Absent ones (and 0) come from the model's size and the GPU's memory, where a GPU is known; else
 * absent ones are the documents' 1 and 8 (a node and four of them for MoE), and 0 means 1 and 4, as the profiler of 0.8 has it.
 */
function engineRange(
  draft: Draft,
  dialect: Dialect,
  known: boolean,
  gpusPerNode: number,
): Pick<HardwareRequest, "minGpusPerEngine" | "maxGpusPerEngine"> {
  const minimum = draft.get("minGpusPerEngine");
  const maximum = draft.get("maxGpusPerEngine");
  if (minimum && maximum && minimum > maximum) {
    throw refused(
      "GPU_RANGE",
      draft.where("minGpusPerEngine"),
      `found at least ${minimum} GPUs an engine and at most ${maximum} (${draft.where("maxGpusPerEngine")}), expected a range`,
      "raise the maximum, or lower the minimum",
    );
  }
  const automatic = dialect === "1.0" || (known && dialect !== "0.3");
  const isMoe = draft.get("isMoe") === true;
  const least = minimum || (automatic ? undefined : unsaid("min", minimum, isMoe ? gpusPerNode : HARDWARE.min));
  const most =
    maximum ||
    (automatic
      ? undefined
      : unsaid("max", maximum, isMoe ? MOE_NODES * gpusPerNode : HARDWARE.max, HARDWARE.maxForZero));

  function unsaid(which: "min" | "max", said: number | undefined, preset: number, forZero = preset): number {
    if (said === undefined) return preset;
    draft.warnings.push(setTo(`${which}_num_gpus_per_engine`, forZero));
    return forZero;
  }
  return {
    ...(least === undefined ? {} : { minGpusPerEngine: least }),
    ...(most === undefined ? {} : { maxGpusPerEngine: most }),
  };
}

function setTo(name: string, value: number): string {
  return `GPU discover is disabled and ${name} is not specified, setting to ${value}`;
}
