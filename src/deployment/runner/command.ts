import { join } from "node:path";
import { rewritePaths } from "../plan/rewrite-paths.ts";
import type { DeploymentPlan, ReplicaTemplate } from "../plan/types.ts";
import { forReplica } from "../plan/variables.ts";

/** Environment variable that names the deployment's folder in every process of it: how strays are found. */
export const DEPLOYMENT_VARIABLE = "UNDERSTUDY_DEPLOYMENT";
/** One that holds the process's own secret. */
export const NONCE_VARIABLE = "UNDERSTUDY_PROCESS";

/** What the runner adds to a template. */
export interface ProcessSurroundings {
  plan: Pick<DeploymentPlan, "namespace" | "name">;
  /** The deployment's folder. */
  folder: string;
  leases: string;
  /** Replicas that the manifest has of the component. */
  planned: number;
  nonce: string;
  timeScale: number;
  graceSeconds: number;
  /** Where each mount lies on this machine. */
  places: ReadonlyMap<string, string>;
  /** As a pod's. */
  replica: { name: string; uid: string };
  control: { url: string; tokenFile: string } | null;
  ports: ProcessPorts;
}

/** Ports on loopback, as far as the kind has them. */
export interface ProcessPorts {
  /** Where it serves, and where it is asked for its health; a worker host's admin API. */
  main: number | null;
  /** A planner's. */
  dashboard?: number;
  control?: number;
}

/** A command of this package's own command line. */
export interface ProcessCommand {
  args: string[];
  env: Record<string, string>;
}

/** What of this process's environment a replica gets, too: none of what steers our own commands. */
const WITHHELD = /^(UNDERSTUDY_|DYN_|PLANNER_|PROMETHEUS_|NODE_OPTIONS$|VITEST|NODE_ENV$)/;

/** The whole command of a process. Pure. */
export function processCommand(
  template: ReplicaTemplate,
  around: ProcessSurroundings,
  inherited: Readonly<Record<string, string | undefined>>,
): ProcessCommand {
  const here = rewritePaths(template, (mount) => around.places.get(mount)!);
  const own = forReplica(here, around.replica);
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(inherited)) {
    if (value !== undefined && !WITHHELD.test(name)) env[name] = value;
  }
  Object.assign(env, own.env, template.hostEnv);
  const { namespace, name } = around.plan;
  env.DYN_PARENT_DGD_K8S_NAME ??= name;
  env.DYN_PARENT_DGD_K8S_NAMESPACE ??= namespace;
  env.DYN_NAMESPACE ??= name;
  env[DEPLOYMENT_VARIABLE] = around.folder;
  env[NONCE_VARIABLE] = around.nonce;
  if (around.control !== null) {
    env.UNDERSTUDY_CONTROL_URL = around.control.url;
    env.UNDERSTUDY_CONTROL_TOKEN_FILE = around.control.tokenFile;
    // Of several planners one acts; one alone need not wait for the lease of the one before it to run out.
    if (around.planned > 1) env.UNDERSTUDY_LEASE_DIR = join(around.folder, "planner-lease");
  }
  return { args: [...own.argv, ...addedFlags(template, around)], env };
}

function addedFlags(template: ReplicaTemplate, around: ProcessSurroundings): string[] {
  const { ports, leases, timeScale, graceSeconds } = around;
  const scale = ["--time-scale", String(timeScale)];
  switch (template.kind) {
    case "worker":
      return [
        ...["--host", "127.0.0.1", "--port", "0", "--register-dir", leases, ...scale],
        ...["--drain-timeout", String(graceSeconds), "--stagger-delay", "0", "--admin-port", String(ports.main)],
      ];
    case "frontend":
      return [
        ...["--host", "127.0.0.1", "--port", String(ports.main), "--discovery", "file", "--discovery-dir", leases],
        ...[...scale, "--drain-timeout", `${graceSeconds}s`],
      ];
    case "planner":
      return [
        ...["--listen-host", "127.0.0.1", "--metric-reporting-prometheus-port", String(ports.main), ...scale],
        ...["--live-dashboard-port", String(ports.dashboard), "--control-api-port", String(ports.control)],
      ];
    case "profiler":
    case "command":
      return [];
  }
}
