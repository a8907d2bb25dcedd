import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { UserError } from "#common";
import { BearerTokens } from "#common/http";
import {
  type ClusterOptions,
  GLOBAL_PLANNER_LEASE,
  kubernetesLeadership,
  type Leadership,
  openStore,
  storeLeadership,
} from "#planner/connectors";
import type { Targets } from "#planner/core";
import {
  type DecisionRecord,
  GlobalPlanner,
  GlobalPlannerMetrics,
  globalPlannerApp,
  kubernetesPlatform,
  ledgerPlatform,
  type Platform,
  virtualPlatform,
} from "#planner/global";
import { listenAt } from "#planner/service";
import { type Environment, storeOf } from "./store.ts";

/** What `understudy global-planner` is told. */
export interface GlobalPlannerFlags {
  managedNamespaces?: string[];
  environment: "kubernetes" | "virtual" | "none";
  operation: boolean;
  maxTotalGpus: number | null;
  minTotalGpus: number | null;
  intentCacheTtlSeconds: number;
  strictBand?: true;
  prefillEngineNumGpu?: number;
  decodeEngineNumGpu?: number;
  virtualStore?: string;
  kubernetesNamespace?: string;
  kubeconfig?: string;
  kubeContext?: string;
  stateDir?: string;
  host: string;
  port: number;
  name: string[];
  leaderElection: boolean;
  identity?: string;
  apiTokenFile?: string;
  json?: true;
}

export interface AssembledGlobalPlanner {
  /** Finds the deployments and listens. @returns its address. @throws UserError */
  start(): Promise<string>;
  /** Ends after the request under way. */
  stop(): Promise<void>;
}

const TOKEN_VARIABLE = "UNDERSTUDY_GLOBAL_PLANNER_TOKEN";

/** @throws UserError for flags that don't go together */
export async function assembleGlobalPlanner(
  flags: GlobalPlannerFlags,
  environment: Environment,
): Promise<AssembledGlobalPlanner> {
  const log = {
    info: (text: string) => process.stderr.write(`${text}\n`),
    warn: (text: string) => process.stderr.write(`warning: ${text}\n`),
  };
  const leadership = await leadershipOf(flags, environment);
  const planner: GlobalPlanner = new GlobalPlanner({
    settings: {
      band: { minGpus: flags.minTotalGpus, maxGpus: flags.maxTotalGpus },
      intentTtlMs: flags.intentCacheTtlSeconds * 1000,
      managedNamespaces: flags.managedNamespaces ?? null,
      noOperation: !flags.operation,
      isStrict: flags.strictBand === true,
      defaultGpus: defaultGpus(flags),
    },
    platform: platformOf(flags, environment, log.warn),
    ...(leadership === undefined ? {} : { leadership }),
    stateFolder: flags.stateDir ?? null,
    nowMs: () => performance.now(),
    nowUnixMs: () => Date.now(),
    log,
    onDecision: (record) => {
      metrics.record(record);
      log.info(told(record));
      if (flags.json) process.stdout.write(`${JSON.stringify({ kind: "decision", ...record })}\n`);
    },
  });
  const metrics = new GlobalPlannerMetrics(() => planner);
  const tokens = new BearerTokens(tokensOf(flags, environment));
  const app = globalPlannerApp({ planner, metrics, tokens, names: [flags.host, ...flags.name] });
  return {
    async start() {
      await planner.start();
      try {
        return await listenAt(app, flags.host, flags.port);
      } catch (error) {
        await planner.stop();
        throw cannotListen(flags, error as Error);
      }
    },
    async stop() {
      await planner.stop();
      await app.close();
    },
  };
}

function platformOf(flags: GlobalPlannerFlags, environment: Environment, warn: (text: string) => void): Platform {
  switch (flags.environment) {
    case "virtual": {
      const { location, access } = storeOf(flags.virtualStore, environment);
      return virtualPlatform({ openStore: () => openStore(location, access) });
    }
    case "kubernetes": {
      const { identity, kubernetesNamespace: namespace } = flags;
      return kubernetesPlatform({
        cluster: clusterOf(flags),
        warn,
        ...(identity === undefined ? {} : { identity }),
        ...(namespace === undefined ? {} : { namespace }),
      });
    }
    case "none":
      return ledgerPlatform();
  }
}

/** Absent where there is nothing that two could spoil. */
async function leadershipOf(flags: GlobalPlannerFlags, environment: Environment): Promise<Leadership | undefined> {
  if (!flags.leaderElection || !flags.operation || flags.environment === "none") return undefined;
  const identity = flags.identity ?? `${hostname()}-${process.pid}`;
  if (flags.environment === "virtual") {
    const { location, access } = storeOf(flags.virtualStore, environment);
    return storeLeadership(location, access, { key: "v1/global-planner/leader", identity });
  }
  const namespace = flags.kubernetesNamespace;
  const cluster = { ...clusterOf(flags), ...(namespace === undefined ? {} : { namespace }) };
  return kubernetesLeadership({ cluster, lease: GLOBAL_PLANNER_LEASE, identity });
}

function clusterOf({ kubeconfig, kubeContext: context }: GlobalPlannerFlags): ClusterOptions {
  return {
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    ...(context === undefined ? {} : { context }),
  };
}

function defaultGpus({
  prefillEngineNumGpu: prefill,
  decodeEngineNumGpu: decode,
}: GlobalPlannerFlags): Partial<Targets> {
  return { ...(prefill === undefined ? {} : { prefill }), ...(decode === undefined ? {} : { decode }) };
}

function tokensOf(
  { apiTokenFile }: GlobalPlannerFlags,
  environment: Readonly<Record<string, string | undefined>>,
): string[] {
  const given = environment[TOKEN_VARIABLE];
  const tokens = given ? [given] : [];
  if (apiTokenFile === undefined) return tokens;
  const found = readFileSync(apiTokenFile, "utf8")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  if (found.length === 0) {
    throw new UserError({
      code: "GLOBAL_PLANNER_NO_TOKEN",
      where: `--api-token-file ${apiTokenFile}`,
      message: "found no token, expected one a line",
    });
  }
  return [...tokens, ...found];
}

/** One line for people; `--json` has everything. */
function told({ number, deployment, request, decision, answer }: DecisionRecord): string {
  const wished = Object.entries(request.targets).map(([role, count]) => `${role} ${count}`);
  return `#${number} ${deployment} wishes ${wished.join(", ")}${expected(request.predictedLoad)}: ${decision?.verdict ?? "not decided"}, ${answer.status}: ${answer.message}`;
}

/** What the planner expects, in its own words; values of others' planners that are no numbers are left out. */
function expected(load: DecisionRecord["request"]["predictedLoad"]): string {
  const numbers = Object.entries(load ?? {}).filter(([, value]) => typeof value === "number");
  if (numbers.length === 0) return "";
  return ` (expects ${numbers.map(([name, value]) => `${name} ${Number((value as number).toPrecision(4))}`).join(", ")})`;
}

function cannotListen({ host, port }: GlobalPlannerFlags, cause: Error): UserError {
  return new UserError({
    code: "GLOBAL_PLANNER_CANNOT_LISTEN",
    where: `--host ${host} --port ${port}`,
    message: `it can't listen there: ${cause.message}`,
    hint: "choose another port; 0 is any free one",
    cause,
  });
}
