import { UserError } from "#common";

/** What can be wrong with a profiling request. Sentences of the original are kept as they are, so that a search for them finds help. */

interface Details {
  where?: string | undefined;
  hint?: string | undefined;
}

function make(code: string, message: string, { where, hint }: Details = {}): UserError {
  return new UserError({
    code,
    message,
    ...(where === undefined ? {} : { where }),
    ...(hint === undefined ? {} : { hint }),
  });
}

export const configNotFound = (argument: string, reason: string, jsonError: string): UserError =>
  make(
    "PROFILER_CONFIG_NOT_FOUND",
    `--config value is neither a valid file path nor valid JSON. File not found: '${clip(argument)}'. JSON parse error: ${jsonError}`,
    { where: "--config", hint: reason },
  );

export const fileUnreadable = (flag: string, path: string, reason: string): UserError =>
  make("PROFILER_FILE_UNREADABLE", `${reason}: ${path}`, { where: flag, hint: "check the path" });

export const yamlInvalid = (where: string, reason: string): UserError =>
  make("PROFILER_CONFIG_INVALID_YAML", `not valid YAML: ${clip(reason)}`, { where });

export const yamlTooLarge = (file: string, found: string, expected: string): UserError =>
  make("PROFILER_CONFIG_TOO_LARGE", `found ${found}, expected ${expected}`, { where: file });

export const configStringInvalid = (where: string, reason: string, hint?: string): UserError =>
  make(
    "PROFILER_CONFIG_STRING_INVALID",
    "Failed to parse config string. Expected Python dict literal, YAML, or JSON format. Examples: " +
      `{'sla': {'isl': 3000, 'ttft': 200.0}} (Python), {"sla": {"isl": 3000}} (JSON), sla: {isl: 3000} (YAML). ${reason}`,
    { where, hint },
  );

/** Everything that is wrong with one document: the first in full, the others one line each. */
export function requestInvalid(
  problems: readonly { where: string; message: string; hint?: string | undefined }[],
): UserError {
  const [first, ...others] = problems;
  const lines = others
    .slice(0, 8)
    .map(({ where, message, hint }) => `\n  ${where}: ${message}${hint ? ` (${hint})` : ""}`);
  if (others.length > 8) lines.push(`\n  and ${others.length - 8} more`);
  return make("PROFILER_REQUEST_INVALID", first!.message + lines.join(""), { where: first!.where, hint: first!.hint });
}

export const keyTwice = (where: string, key: string, other: string): UserError =>
  make("PROFILER_KEY_TWICE", `"${key}" and "${other}" are the same key`, { where, hint: "keep one of them" });

export const unknownKind = (where: string, found: string): UserError =>
  make(
    "PROFILER_UNKNOWN_KIND",
    `found ${found}, expected a DynamoGraphDeploymentRequest, its spec, a profiling config or a DGD`,
    {
      where,
      hint: "a DGDR has apiVersion nvidia.com/v1alpha1 or nvidia.com/v1beta1",
    },
  );

export const severalRequests = (where: string, first: string): UserError =>
  make("PROFILER_SEVERAL_REQUESTS", `found a second document to profile (the first is at ${first}), expected one`, {
    where,
    hint: "give each a file of its own",
  });

export const nothingGiven = (): UserError =>
  make("PROFILER_NOTHING_GIVEN", "--model or --config is required (provide at least one)", {
    hint: "understudy profile --model Qwen/Qwen3-32B --backend trtllm --gpu h200_sxm --ttft 200 --itl 20",
  });

export const missing = (where: string, message: string, hint?: string): UserError =>
  make("PROFILER_MISSING", message, { where, hint });

export const refused = (code: string, where: string | undefined, message: string, hint?: string): UserError =>
  make(`PROFILER_${code}`, message, { where, hint });

export const sweepingNone = (where: string): UserError =>
  refused(
    "SWEEPING_NONE",
    where,
    "pre_deployment_sweeping_mode 'none' leaves throughput-based scaling without a profile",
    "use rapid or thorough, or scale by load alone: enable_throughput_scaling: false, enable_load_scaling: true",
  );

export const aicSettingMissing = (where: string, flag: string, hint: string): UserError =>
  make("PROFILER_AIC_SETTING_MISSING", `Must provide ${flag} when using --use-ai-configurator.`, { where, hint });

export const discoveryRefused = (where: string): UserError =>
  make(
    "PROFILER_DISCOVERY_REFUSED",
    "spec.enableGpuDiscovery can only be set to true for cluster-wide operators. Namespace-restricted operators cannot access " +
      "cluster nodes for GPU discovery. Please set enableGpuDiscovery to false and provide hardware configuration " +
      "(hardware.min_num_gpus_per_engine, hardware.max_num_gpus_per_engine, hardware.num_gpus_per_node) in " +
      "spec.profilingConfig.config",
    { where },
  );

export const hardwareUnknown = (where: string): UserError =>
  make(
    "PROFILER_HARDWARE_UNKNOWN",
    "GPU hardware info required but auto-discovery failed. Verify DCGM exporter is reachable from the operator's namespace, or " +
      "set spec.hardware.{gpuSku,vramMb,numGpusPerNode} explicitly.",
    { where },
  );

export const configMapKeyMissing = (where: string, key: string, name: string, known: readonly string[]): UserError =>
  make("PROFILER_CONFIG_MAP_KEY_MISSING", `key ${key} not found in ConfigMap ${name}`, {
    where,
    hint: known.length === 0 ? "it has no data" : `it has ${known.join(", ")}`,
  });

export const configMapMissing = (where: string, name: string, namespace: string): UserError =>
  make("PROFILER_CONFIG_MAP_MISSING", `ConfigMap ${name} not found in namespace ${namespace}`, {
    where,
    hint: "give its manifest by --config-map FILE, or the DGD in it by --base-dgd FILE",
  });

export const badBase = (where: string, found: string): UserError =>
  make("PROFILER_BAD_BASE", `found ${found}, expected a DynamoGraphDeployment with spec.services or spec.components`, {
    where,
  });

export const badEnvironment = (name: string, found: string): UserError =>
  make("PROFILER_BAD_ENVIRONMENT", `found "${clip(found)}", expected a port from 0 to 65535`, { where: `$${name}` });

function clip(text: string): string {
  return text.length > 120 ? `${text.slice(0, 117)}…` : text;
}
