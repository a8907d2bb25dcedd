import type { z } from "zod";
import type { Path } from "#common/documents";
import type { externalPluginSchema, inProcessPluginSchema } from "./scheduling-schema.ts";
import type { PlannerDocument } from "./schema.ts";

export type StrategyName = NonNullable<PlannerDocument["strategy"]>;
export type ScalingMode = PlannerDocument["mode"];
export type Environment = PlannerDocument["environment"];

/** By role; in aggregated mode the one pool is `decode`. */
export interface ByRole<Value> {
  prefill: Value;
  decode: Value;
}

/** What an autoscaler scales one role by, per worker; null: not by that. */
export interface AutoscalerTargets {
  requestRate: number | null;
  concurrency: number | null;
  kvPercent: number | null;
  queueLength: number | null;
  activation: number;
}

/** Where the virtual environment's decisions are written. */
export type StoreAddress =
  | { kind: "etcd"; endpoints: string[] }
  | { kind: "file"; folder: string }
  | { kind: "http"; url: string };

type PluginBasics = {
  id: string;
  stage: z.output<typeof externalPluginSchema>["plugin_type"];
  priority: number;
  protocolVersion: string;
  version: string;
  /** Time between calls, ms; 0: every tick. */
  intervalMs: number;
  holdPolicy: z.output<typeof externalPluginSchema>["hold_policy"];
  needs: z.output<typeof externalPluginSchema>["needs"];
  requires: z.output<typeof externalPluginSchema>["requires_produced_fields"];
  /** Window of the traffic that it is sent, ms; 0: the tick's. */
  observationWindowMs: number;
};

/** A plugin as the configuration names it. */
export type PluginConfig = PluginBasics &
  (
    | { transport: "http"; endpoint: string; authToken: string | null }
    | { transport: "module"; module: string; options: z.output<typeof inProcessPluginSchema>["options"] }
  );

/** A planner's whole configuration, checked: times in ms, limits that are off are null. */
export interface PlannerServiceConfig {
  mode: ScalingMode;
  backend: PlannerDocument["backend"];
  environment: Environment;
  namespace: string;
  /** Null: the deployment's own. */
  modelName: string | null;
  globalPlannerNamespace: string | null;
  logDir: string | null;

  strategy: StrategyName;
  optimizationTarget: PlannerDocument["optimization_target"];
  /** After the rules between them: for any target but `sla`, load scaling alone. */
  scaling: { throughput: boolean; load: boolean };
  sla: { ttftMs: number; itlMs: number };

  profile: {
    /** Folder, npz file or name of a shipped profile. */
    source: string;
    sweepingMode: PlannerDocument["pre_deployment_sweeping_mode"];
    aicInterpolation: PlannerDocument["aic_interpolation"];
    aicPerfModel: PlannerDocument["aic_perf_model"];
  };
  /** What is known of the engines; null: as the deployment or the profile says. */
  engine: {
    startupMs: ByRole<number>;
    kvTransferMsPerToken: number;
    /** Data-parallel ranks of a worker. */
    dpSize: ByRole<number>;
    maxNumSeqs: number | null;
    maxNumBatchedTokens: number | null;
    contextLength: number | null;
    maxKvTokens: number | null;
    speculativeNextn: number;
    gpus: ByRole<number | null>;
    powerWatts: ByRole<number | null>;
  };
  budget: {
    maxGpus: number | null;
    /** GPUs of one role alone. */
    maxGpusOf: ByRole<number | null>;
    minGpus: number | null;
    minEndpoints: ByRole<number>;
    /** Null: no notice is taken of power. */
    powerLimitWatts: number | null;
  };
  throughput: { intervalMs: number; metricsSource: PlannerDocument["throughput_metrics_source"] };
  load: {
    intervalMs: number;
    maxFpmSamples: number;
    fpmBuckets: number;
    /** 0..100 */
    scalingDownSensitivity: number;
    minObservations: number;
    /** Target `load`: tokens; null in other modes. */
    prefillQueueTokens: { up: number; down: number } | null;
    /** Target `load`: percent; null in other modes. */
    decodeKvRate: { up: number; down: number } | null;
  };
  forecast: {
    predictor: PlannerDocument["load_predictor"];
    log1p: boolean;
    prophetWindow: number;
    kalman: { qLevel: number; qTrend: number; r: number; minPoints: number };
    /** File, folder or pattern. */
    warmupTrace: string | null;
  };
  /** Settings of single strategies. */
  strategyOptions: {
    scaleDownDelayMs: number;
    scaleToZeroDelayMs: number;
    /** Workers of a role that one decision adds or takes at most; null: no limit. */
    maxStep: number | null;
    predictionWindow: number;
    correction: boolean;
    requestCount: PlannerDocument["request_count"];
    staticReplicas: ByRole<number> | null;
    autoscaler: {
      tolerance: number;
      upStabilizationMs: number;
      downStabilizationMs: number;
      pollingMs: number;
      cooldownMs: number;
      targets: ByRole<AutoscalerTargets>;
    };
  };

  metrics: {
    prometheus: {
      endpoint: string;
      token: string | null;
      /** Read anew for every query. */
      tokenFile: string | null;
      sslVerify: boolean;
      extraQueryParams: Record<string, string>;
      caBundle: string | null;
    };
    /** Not empty: these are scraped and Prometheus is not asked. */
    frontendUrls: string[];
    workerUrls: string[];
    /** Null: none. */
    reportingPort: number | null;
  };

  connector: {
    /** Environment `global-planner`; null in others. */
    globalPlanner: { url: string; token: string | null; tokenFile: string | null } | null;
    /** Environment `local`; null in others. */
    local: { url: string; token: string | null; tokenFile: string | null; leaseFolder: string | null } | null;
    virtualStore: StoreAddress;
    virtualStoreAccess: {
      username: string | null;
      password: string | null;
      token: string | null;
      caFile: string | null;
    };
    checkIntervalMs: number;
    maxWaitMs: number;
    graphDeploymentName: string | null;
    /** `selector` null: Dynamo's label of the deployment's name. */
    kubernetesTarget: { kind: PlannerDocument["kubernetes_target"]; selector: string | null };
    kubernetesNamespace: string | null;
    kubeconfig: string | null;
    kubeContext: string | null;
    leaderElection: boolean;
    identity: string | null;
  };

  service: {
    advisory: boolean;
    /** Model time per real time: intervals are waited for so many times shorter. */
    timeScale: number;
    listenHost: string;
    /** Null: none. */
    dashboardPort: number | null;
    controlPort: number | null;
    apiToken: string | null;
    apiTokenFile: string | null;
    /** Time between ticks, ms. */
    tickIntervalMs: number;
    tickMaxDurationMs: number;
    report: { intervalMs: number | null; folder: string; filename: string | null; gzipLog: boolean };
  };

  plugins: {
    configured: PluginConfig[];
    requestTimeoutMs: number;
    protocolVersions: { min: string; max: string };
  };
}

/** Where a value came from, for `--print-config` and messages. */
export type Origin = "flag" | "env" | "file" | "default" | "rule";

/** What was read, with what is to be told about it. */
export interface ReadPlannerConfig {
  config: PlannerServiceConfig;
  /** The same by Dynamo's names, with all defaults and after all rules. */
  document: PlannerDocument;
  origins: ReadonlyMap<string, Origin>;
  /** Where a field was said, as refusals name places: `planner.yaml:3:7 (mode)`, a flag, a variable; its name where nobody said it. */
  place(field: keyof PlannerDocument, path?: Path): string;
  /** Sentences to be shown at the start: what was chosen, overruled or left aside. */
  notes: string[];
}
