import { type EngineSpec, startAiconfigurator } from "#src/estimator";
import type { DeploymentDriver } from "../thorough/driver.ts";
import type { EngineSource, SearchStrategy } from "../types.ts";
import { needsGpu, needsPython } from "./errors.ts";
import { adapterOpenEngine, nativeOpenEngine, type RapidSourceOptions, rapidSource } from "./rapid-source.ts";
import type { ProfilingCluster, SourceContext } from "./types.ts";

/** The engines of a strategy: the built-in estimator or the real package behind it, or candidates, on local mockers or in a cluster. */
export async function defaultSource(kind: SearchStrategy, context: SourceContext): Promise<EngineSource> {
  return kind === "rapid" ? estimatedSource(context) : deployedSource(context);
}

async function estimatedSource(context: SourceContext): Promise<EngineSource> {
  const { request, backend, python } = context;
  const { aic, hardware } = request;
  const system = aic.system ?? hardware.gpuSku;
  if (system === undefined) throw needsGpu();
  const spec: Omit<EngineSpec, "parallelism"> = {
    model: aic.model ?? request.model,
    system,
    backend: aic.backend ?? backend,
  };
  const opened: RapidSourceOptions["opened"] = (phase, mapping, folder) =>
    context.write(`${folder}/config.yaml`, context.candidateYaml(phase, mapping));
  if (request.estimator === "aiconfigurator") {
    if (python === undefined) throw needsPython();
    const client = startAiconfigurator(python);
    const version = aic.backendVersion === undefined ? {} : { backendVersion: aic.backendVersion };
    const open = adapterOpenEngine((engine) => client.open(engine), { ...spec, ...version });
    return rapidSource({ open, opened, close: () => client.close() });
  }
  const { openNativeEngine } = await import("#src/estimator");
  return rapidSource({
    open: (parallelism, mapping) => {
      const engine = openNativeEngine({ ...spec, parallelism });
      sayVersion(context, engine.facts.backendVersion);
      return nativeOpenEngine(engine, mapping);
    },
    opened,
  });
}

/** One version of each backend is shipped: what was measured of it beats what is computed for the very one that was asked for. */
function sayVersion({ request, backend, log }: SourceContext, found: string): void {
  const wanted = request.aic.backendVersion;
  if (wanted === undefined || wanted === found) return;
  log.warning(`No measurements of ${backend} ${wanted} are shipped: those of ${found} are used`);
}

/** What local mockers play where nothing names a GPU. */
const LOCAL_SYSTEM = "h200_sxm";

async function deployedSource(context: SourceContext): Promise<EngineSource> {
  const { request, backend, log, folder, cluster } = context;
  const driver = cluster === undefined ? await localMockers(context) : await clusterDriver(context, cluster);
  const { thoroughSource } = await import("../thorough/source.ts");
  return thoroughSource({
    driver,
    candidate: context.candidate,
    model: request.model,
    backend,
    dialect: request.dialect,
    outputDir: folder,
    timeoutMs: request.deployment.timeoutMs,
    skipExisting: request.sweep.skipExisting,
    onInfo: log.info,
    onWarning: log.warning,
  });
}

async function localMockers({ request, backend, facts, log, speedup }: SourceContext): Promise<DeploymentDriver> {
  const system = request.hardware.gpuSku ?? LOCAL_SYSTEM;
  if (request.hardware.gpuSku === undefined) {
    log.warning(`Nothing names a GPU: local mockers play ${LOCAL_SYSTEM}; --gpu names another`);
  }
  // What nothing is known of can't be played by any candidate: that is said before the first one starts.
  const { gpuSystem, modelFacts } = await import("#src/estimator");
  modelFacts(request.model);
  gpuSystem(system);
  const { localDriver } = await import("../thorough/local/driver.ts");
  return localDriver({
    timing: ({ parallelism }) => ({
      kind: "estimator",
      // Measured engines split heads as far as they like.
      spec: { model: request.model, system, backend, parallelism, leastHeadsPerGpu: 1 },
    }),
    ...(speedup === undefined ? {} : { speedup }),
    ...(facts?.maxContextLength === undefined ? {} : { contextLength: facts.maxContextLength }),
  });
}

async function clusterDriver(
  { request, folder, log }: SourceContext,
  { kubeconfig, context, endpointUrlTemplate, environment }: ProfilingCluster,
): Promise<DeploymentDriver> {
  const { kubernetesDriver } = await import("../thorough/kubernetes/driver.ts");
  const { isInCluster, requestOf, runKey } = await import("../thorough/kubernetes/run-key.ts");
  const { namespace = environment.DGDR_NAMESPACE, apiVersion, serviceName } = request.deployment;
  return kubernetesDriver({
    cluster: {
      ...(kubeconfig === undefined ? {} : { kubeconfig }),
      ...(context === undefined ? {} : { context }),
      ...(namespace ? { namespace } : {}),
    },
    apiVersion: `nvidia.com/${apiVersion}`,
    run: runKey(environment, folder),
    request: requestOf(environment),
    ...(endpointUrlTemplate === undefined ? {} : { endpointUrlTemplate }),
    isInCluster: isInCluster(environment, kubeconfig),
    ...(serviceName === undefined ? {} : { service: serviceName }),
    onInfo: log.info,
    onWarning: log.warning,
  });
}
