import type { ProfilingRequest } from "../types.ts";
import { refused, sweepingNone } from "./errors.ts";

export type IsSupported = (model: string, system: string, backend: string) => boolean;

const BACKENDS = ["trtllm", "vllm", "sglang"] as const;

/** Longest name of a DGD and one of its components together: what Kubernetes leaves of 63 characters for names made from them. */
const NAME_LENGTH = 45;

/**
 * The checks that come before any work: what can't be done is refused, what can be done in a lesser way becomes that, with a warning in
 * the request.
 * @param isSupported whether the estimator covers a combination; all are where absent
 * @throws UserError PROFILER_THOROUGH_AUTO, PROFILER_THROUGHPUT_UNSUPPORTED, PROFILER_MOCKER_UNSUPPORTED, PROFILER_MOCKER_WITHOUT_SWEEPING,
 *   PROFILER_NAME_TOO_LONG
 */
export function passGates(
  request: ProfilingRequest,
  locate: (key: string) => string,
  isSupported?: IsSupported,
): ProfilingRequest {
  if (request.strategy === "thorough" && request.backend === "auto") {
    throw refused(
      "THOROUGH_AUTO",
      locate("backend"),
      "THOROUGH search strategy does not support 'auto' backend. Please specify a concrete backend (trtllm, vllm, sglang).",
      "set backend, or searchStrategy: rapid",
    );
  }
  const passed = withoutSupport(request, locate, isSupported);
  if (passed.dialect === "1.0" && passed.strategy === "thorough") {
    passed.warnings.push(
      "Thorough search supports disaggregated mode only: aggregated deployments are not considered.",
    );
  }
  if (passed.dialect === "1.0" && passed.planner?.enableThroughputScaling && passed.sweep.interpolation === "none") {
    throw sweepingNone(locate("features"));
  }
  if (passed.mocker.enabled && passed.sweep.interpolation === "none") {
    throw refused(
      "MOCKER_WITHOUT_SWEEPING",
      locate("features"),
      "pre_deployment_sweeping_mode cannot be 'none' when mocker is enabled. Mocker backend requires pre-deployment sweeping to generate simulated performance profiles.",
      "use rapid or thorough",
    );
  }
  checkNames(passed, locate);
  return passed;
}

/** What the estimator does not cover: refused where something can't do without, else done with less. */
function withoutSupport(
  request: ProfilingRequest,
  locate: (key: string) => string,
  isSupported: IsSupported | undefined,
): ProfilingRequest {
  const { dialect, planner, mocker, sweep, strategy } = request;
  if (dialect !== "1.0" || isSupported === undefined || request.hardware.gpuSku === undefined) return request;
  const model = request.aic.model ?? request.model;
  const system = request.aic.system ?? request.hardware.gpuSku;
  const backend = request.aic.backend ?? request.backend;
  const candidates = backend !== "auto" ? [backend] : planner === undefined ? BACKENDS : (["vllm"] as const);
  if (candidates.some((each) => isSupported(model, system, each))) return request;
  const combination = `${model} on ${system}/${backend}`;
  if (planner?.enableThroughputScaling) {
    throw refused(
      "THROUGHPUT_UNSUPPORTED",
      locate("features"),
      `Throughput-based planner scaling requires AIC support, but ${combination} is not supported by AIC. Use a supported model/hardware/backend combination or disable throughput scaling.`,
      "understudy estimate --supported lists what is covered; another backend or a quantized variant may be",
    );
  }
  const { warnings } = request;
  let interpolation = sweep.interpolation;
  if (interpolation === "rapid") {
    if (mocker.enabled) {
      throw refused(
        "MOCKER_UNSUPPORTED",
        locate("features"),
        `a mocker replays an estimated profile, but ${combination} is not supported by AIC`,
        "use a supported model/hardware/backend combination, or sweeping mode thorough",
      );
    }
    if (planner !== undefined) {
      warnings.push(
        `Planner pre-deployment sweeping mode is 'rapid' but AIC does not support ${combination}. Falling back to 'none' (no pre-deployment sweeping).`,
      );
    }
    interpolation = "none";
  }
  if (strategy === "rapid") {
    warnings.push(
      `AIC does not support ${combination}: falling back to naive config generation; it may not meet the SLA, for nothing estimates it.`,
    );
  }
  const settings = { ...planner?.settings, pre_deployment_sweeping_mode: interpolation };
  return {
    ...request,
    sweep: { ...sweep, interpolation },
    ...(planner === undefined ? {} : { planner: { ...planner, settings } }),
  };
}

/** Components of the DGD that a v1beta1 request leads to. */
function checkNames(request: ProfilingRequest, locate: (key: string) => string): void {
  const { name } = request.deployment;
  if (request.dialect !== "1.0" || name === undefined) return;
  const components = ["Frontend", "prefill", "decode", ...(request.planner === undefined ? [] : ["Planner"])];
  const long = components.find((component) => name.length + component.length > NAME_LENGTH);
  if (long === undefined) return;
  throw refused(
    "NAME_TOO_LONG",
    locate("name"),
    `the deployment's name "${name}" and its component "${long}" have ${name.length + long.length} characters together, expected at most ${NAME_LENGTH}`,
    "give a shorter one: overrides.dgd.metadata.name",
  );
}
