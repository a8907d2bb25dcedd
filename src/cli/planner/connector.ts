import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { UserError } from "#common";
import type { PlannerServiceConfig } from "#planner/config";
import {
  AdvisoryConnector,
  type ClusterOptions,
  type Connector,
  GlobalPlannerConnector,
  type GlobalPlannerConnectorOptions,
  KubernetesConnector,
  kubernetesLeadership,
  type Leadership,
  LocalConnector,
  type LocalConnectorOptions,
  openStore,
  plannerLease,
  type StoreAccess,
  storeLeadership,
  VirtualConnector,
  type WorkerDiscovery,
} from "#planner/connectors";
import type { Role } from "#planner/core";
import type { ServiceLog } from "#planner/service";
import type { Fleet } from "#planner/sources";
import type { Profile } from "#profiles";
import { gpusPerWorker } from "./core-config.ts";

/** The deployment, found and open. */
export interface OpenDeployment {
  connector: Connector;
  /** Absent: this planner has no rivals. */
  leadership?: Leadership;
  /** With what the deployment says of itself: its model, the GPUs of its workers. */
  config: PlannerServiceConfig;
}

export interface DeploymentOptions {
  /** Counts workers that serve, where the platform does not. */
  fleet: Fleet;
  /** Null: there is none. */
  profile: Profile | null;
  log: ServiceLog;
}

/**
 * Finds what the configured environment is scaled by, and who of several planners scales it.
 * @throws UserError for all that keeps the deployment from being planned for
 */
export async function openDeployment(
  config: PlannerServiceConfig,
  options: DeploymentOptions,
): Promise<OpenDeployment> {
  const identity = config.connector.identity ?? `${hostname()}-${process.pid}`;
  const connector = connectorOf(config, identity, options);
  try {
    const facts = await connector.open();
    const leadership = needsLeader(config) ? await leadershipOf(config, identity) : undefined;
    return {
      connector,
      ...(leadership === undefined ? {} : { leadership }),
      config: withFacts(config, facts, options.log),
    };
  } catch (error) {
    await connector.close();
    throw error;
  }
}

function connectorOf(config: PlannerServiceConfig, identity: string, options: DeploymentOptions): Connector {
  const { environment, modelName } = config;
  const roles = rolesOf(config);
  const gpusPerReplica = gpusPerWorker(config, options.profile);
  const discovery = discoveryOf(config, options.fleet);
  const known = { roles, gpusPerReplica, ...(modelName === null ? {} : { model: modelName }) };
  switch (environment) {
    case "kubernetes":
      return kubernetesConnector(config, identity, options.log);
    case "virtual":
      return new VirtualConnector({
        ...known,
        namespace: config.namespace,
        store: openStore(config.connector.virtualStore, storeAccess(config)),
        maxWaitMs: config.connector.maxWaitMs,
        ...(discovery === null ? {} : { discovery }),
      });
    case "local":
      return new LocalConnector({ ...localAddress(config), ...roleQuestion(config) });
    case "none":
      return new AdvisoryConnector({ ...known, ...(discovery === null ? {} : { discovery }) });
    case "global-planner":
      return globalPlannerConnector(
        config,
        { roles, gpusPerReplica, ...(discovery === null ? {} : { discovery }) },
        () => kubernetesConnector(config, identity, options.log),
      );
  }
}

/** Where a kubeconfig is given, the deployment is seen in the cluster, and wishes alone go to the global planner. */
function globalPlannerConnector(
  { connector: settings, namespace, service, throughput }: PlannerServiceConfig,
  known: Pick<GlobalPlannerConnectorOptions, "roles" | "gpusPerReplica" | "discovery">,
  sight: () => Connector,
): GlobalPlannerConnector {
  const { globalPlanner, graphDeploymentName, kubernetesNamespace, kubeconfig } = settings;
  return new GlobalPlannerConnector({
    ...known,
    ...globalPlanner!,
    callerNamespace: namespace,
    graphDeploymentName: graphDeploymentName ?? namespace,
    kubernetesNamespace: kubernetesNamespace ?? process.env.POD_NAMESPACE ?? "default",
    loadIntervalS: throughput.intervalMs / 1000,
    // A tick must not take longer than it may.
    deadlineMs: Math.min(20_000, service.tickMaxDurationMs),
    ...(kubeconfig === null ? {} : { sight: sight() }),
  });
}

function kubernetesConnector(config: PlannerServiceConfig, identity: string, log: ServiceLog): KubernetesConnector {
  const { service } = config;
  const { kind, selector } = config.connector.kubernetesTarget;
  return new KubernetesConnector({
    ...roleQuestion(config),
    graphDeploymentName: graphName(config),
    target: kind,
    ...(selector === null ? {} : { selector }),
    identity,
    cluster: clusterOf(config),
    readOnly: service.advisory || config.environment === "global-planner",
    leaderElection: needsLeader(config),
    checkMs: config.connector.checkIntervalMs,
    warn: (text) => log.warn(text),
  });
}

/** Where a local deployment is to be asked for, and which. */
export function localAddress(config: PlannerServiceConfig): Pick<LocalConnectorOptions, "control" | "deployment"> {
  const { url, token, tokenFile } = config.connector.local!;
  const namespace = config.connector.kubernetesNamespace ?? "default";
  return { control: { url, token, tokenFile }, deployment: { namespace, name: graphName(config) } };
}

/** How workers are told from one another. */
export function roleQuestion(config: PlannerServiceConfig): Pick<LocalConnectorOptions, "roles" | "backend" | "model"> {
  const { modelName, backend } = config;
  return {
    roles: rolesOf(config),
    ...(backend === "mocker" ? {} : { backend }),
    ...(modelName === null ? {} : { model: modelName }),
  };
}

/**
 * Who only advises has nobody to agree with, and must not keep others from acting. Behind a global planner there is a place to agree only where
 * the cluster is seen, beside a local deployment only where a folder is named.
 */
function needsLeader({ connector, service, environment }: PlannerServiceConfig): boolean {
  if (environment === "global-planner" && connector.kubeconfig === null) return false;
  if (environment === "local" && connector.local!.leaseFolder === null) return false;
  return connector.leaderElection && !service.advisory && environment !== "none";
}

async function leadershipOf(config: PlannerServiceConfig, identity: string): Promise<Leadership> {
  if (config.environment === "virtual") {
    // Not under the prefix that environments watch: the leader's signs of life would wake them.
    const key = `v1/${config.namespace}/planner-leader`;
    return storeLeadership(config.connector.virtualStore, storeAccess(config), { key, identity });
  }
  if (config.environment === "local") {
    const { namespace, name } = localAddress(config).deployment;
    const folder = config.connector.local!.leaseFolder!;
    return storeLeadership({ kind: "file", folder }, {}, { key: `v1/${namespace}/${name}/planner-leader`, identity });
  }
  return kubernetesLeadership({ cluster: clusterOf(config), lease: plannerLease(graphName(config)), identity });
}

function withFacts(
  config: PlannerServiceConfig,
  facts: Awaited<ReturnType<Connector["open"]>>,
  log: ServiceLog,
): PlannerServiceConfig {
  const { engine, modelName } = config;
  const gpus = { ...engine.gpus };
  for (const role of rolesOf(config)) {
    const [configured, found] = [engine.gpus[role], facts.gpusPerReplica[role] ?? null];
    if (found === null) continue;
    gpus[role] = found;
    if (configured !== null && configured !== found) {
      const field = `${role}_engine_num_gpu`;
      log.warn(`${field} ${configured} is left aside: a ${role} worker of the deployment has ${found} GPUs`);
    }
  }
  return { ...config, modelName: modelName ?? facts.model, engine: { ...engine, gpus } };
}

function rolesOf({ mode }: PlannerServiceConfig): readonly Role[] {
  if (mode === "disagg") return ["prefill", "decode"];
  return [mode === "prefill" ? "prefill" : "decode"];
}

/** Null where nobody was named who could be asked. */
function discoveryOf({ metrics }: PlannerServiceConfig, fleet: Fleet): WorkerDiscovery | null {
  if (metrics.frontendUrls.length + metrics.workerUrls.length === 0) return null;
  return async () => {
    const seen = await fleet.read();
    return seen === null ? null : { prefill: seen.counts.prefill.active, decode: seen.counts.decode.active };
  };
}

function graphName({ connector: { graphDeploymentName } }: PlannerServiceConfig): string {
  if (graphDeploymentName !== null) return graphDeploymentName;
  throw new UserError({
    code: "PLANNER_KUBERNETES_NO_NAME",
    where: "graph_deployment_name",
    message: "found none, expected the name of a DynamoGraphDeployment",
    hint: "--graph-deployment-name or $DYN_PARENT_DGD_K8S_NAME",
  });
}

function clusterOf({ connector }: PlannerServiceConfig): ClusterOptions {
  const { kubeconfig, kubeContext: context, kubernetesNamespace: namespace } = connector;
  return {
    ...(kubeconfig === null ? {} : { kubeconfig }),
    ...(context === null ? {} : { context }),
    ...(namespace === null ? {} : { namespace }),
  };
}

function storeAccess({ connector: { virtualStoreAccess: access } }: PlannerServiceConfig): StoreAccess {
  const { username, password, token, caFile } = access;
  return {
    ...(username === null ? {} : { username }),
    ...(password === null ? {} : { password }),
    ...(token === null ? {} : { token }),
    ...(caFile === null ? {} : { ca: certificate(caFile) }),
  };
}

function certificate(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new UserError({
      code: "PLANNER_CONNECTOR_CERTIFICATE",
      where: "virtual_store_ca",
      message: `${file} can't be read: ${(error as Error).message}`,
      hint: "give a file of certificates in PEM",
      cause: error,
    });
  }
}
