import { parse, stringify } from "yaml";
import { UserError } from "#common";
import { isGiven, PLANNER_FLAGS, plannerVariables, type ReadPlannerConfig, readPlannerConfig } from "#planner/config";
import { isObject } from "../../graph/json.ts";
import { notMounted } from "../errors.ts";
import { type FlagRule, type FlagTable, type GivenFlag, readFlags } from "../flags.ts";
import { mountOf } from "../rewrite-paths.ts";
import { containerPath, mountedProfile } from "./paths.ts";
import { PLAIN, type Source, type Translation } from "./translation.ts";

/** Every flag of the planner's by all its names. */
const FIELDS = new Map(
  PLANNER_FLAGS.flatMap(({ name, aliases, field }) => [name, ...aliases].map((alias) => [alias, field])),
);
const FLAGS: FlagTable = new Map<string, FlagRule>([
  ["config", { value: "text" }],
  ...PLANNER_FLAGS.flatMap(({ name, aliases, value }) =>
    [name, ...aliases].map((alias): [string, FlagRule] => [alias, { value: value === undefined ? "toggle" : "text" }]),
  ),
]);

type Field = (typeof PLANNER_FLAGS)[number]["field"];

/** Where it listens, by what it reaches the deployment, and where its log is kept: the runner's to say. */
const OF_THE_RUNNER: ReadonlySet<Field> = new Set<Field>([
  ...(["listen_host", "live_dashboard_port", "control_api_port", "metric_reporting_prometheus_port"] as const),
  ...(["kubeconfig", "kube_context", "identity", "frontend_urls", "worker_urls", "log_dir"] as const),
]);
/** Flags that today's planner does not have: with one of them a command line is the planner's of 2025. */
const OUTDATED = [
  "no-operation",
  "adjustment-interval",
  "load-prediction-window-size",
  "prometheus-port",
  "no-correction",
];
/** Its own preset, written out. */
const OUTDATED_MARK: GivenFlag = { name: "adjustment-interval", value: "180" };

/**
 * `python3 -m dynamo.planner`, its predecessor `planner_sla`, and ours, as `understudy planner`: in a deployment of the runner's own it
 * scales by the runner, and asks no Prometheus within a cluster.
 * @throws UserError for flags and settings that our planner refuses, and for files that no volume mounts
 */
export function translatePlanner(source: Source, words: readonly string[]): Translation {
  const { scope, program, variables } = source;
  const where = scope.component.containerPath();
  const given = readFlags(words, FLAGS, program.name, where);
  const isOutdated = () => given.some(({ name }) => OUTDATED.includes(name));
  const config = configOf(given, source);
  if (program.kind === "legacy-planner" && config === undefined && !isOutdated()) given.push(OUTDATED_MARK);
  const read = within(where, () => settingsOf(given, config, source));
  const kept = given.flatMap((flag) => keptFlag(flag, source));
  const isLegacy =
    read.config.strategy === "sla-compat" && read.origins.get("strategy") !== "flag" && config === undefined;
  if (isLegacy && !kept.some(({ name }) => OUTDATED.includes(name))) kept.push(OUTDATED_MARK);
  const profile = profileFlag(read, source);
  const endpoint = prometheusOf(read, source);
  const ofRunner = [...OF_THE_RUNNER].flatMap(plannerVariables).filter((name) => variables.has(name));
  if (ofRunner.length > 0) scope.note(`${ofRunner.join(", ")} left aside: the runner says it`);
  const argv = [
    "planner",
    ...kept.filter(({ name }) => profile === undefined || FIELDS.get(name) !== "profile_results_dir").flatMap(written),
    ...(profile === undefined ? [] : ["--profile-results-dir", profile]),
    ...pathFlags(read, source).flatMap(written),
    ...environmentFlag(read, source),
  ];
  return {
    ...PLAIN,
    kind: "planner",
    argv,
    port: read.config.metrics.reportingPort,
    prometheus: endpoint,
    withoutEnv: [
      ...ofRunner,
      "PROMETHEUS_PORT",
      ...(endpoint === null && variables.has("PROMETHEUS_ENDPOINT") ? ["PROMETHEUS_ENDPOINT"] : []),
    ],
  };
}

/** What the planner would read: the file as it is mounted, the variables of the manifest. */
function settingsOf(given: readonly GivenFlag[], config: Config | undefined, { variables }: Source): ReadPlannerConfig {
  return readPlannerConfig({
    flags: given.flatMap(({ name, value }) => {
      const field = FIELDS.get(name);
      return field === undefined ? [] : [{ flag: `--${name}`, field, value: value ?? true }];
    }),
    // What the runner will say.
    environment: { UNDERSTUDY_CONTROL_URL: "http://127.0.0.1", ...Object.fromEntries(variables) },
    ...(config === undefined ? {} : { config: config.argument, readFile: () => config.text ?? "" }),
  });
}

interface Config {
  argument: string;
  /** Absent: the argument is the configuration itself, or lies on a volume that can't be looked into. */
  text?: string;
}

/** @throws UserError DEPLOYMENT_NOT_MOUNTED */
function configOf(given: GivenFlag[], source: Source): Config | undefined {
  const flag = given.findLast(({ name }) => name === "config");
  const argument = flag?.value;
  if (flag === undefined || argument === undefined) return undefined;
  const { scope, mounts } = source;
  if (/^\s*\{/.test(argument) || argument.includes("\n") || /^[a-z_]+:\s/.test(argument)) {
    flag.value = withoutSurroundings(argument, scope);
    return { argument };
  }
  const path = containerPath(argument, source);
  const file = mounts.files.find(({ mountPath }) => mountPath === path);
  if (file === undefined) throw notMounted(scope.component.containerPath(), "--config", argument);
  flag.value = path;
  const text = new TextDecoder().decode(file.content);
  // It is this component's own copy.
  file.content = new TextEncoder().encode(withoutSurroundings(text, scope));
  return { argument: path, text };
}

/** A configuration without what the runner says, and without a Prometheus that only a cluster knows; as it is where there is none of it. */
function withoutSurroundings(text: string, scope: Source["scope"]): string {
  let document: unknown;
  try {
    document = parse(text);
  } catch {
    // The planner's own reader says what is wrong with it.
    return text;
  }
  if (!isObject(document)) return text;
  const dropped = Object.entries(document).filter(([key, value]) => {
    const field = FIELDS.get(key.replaceAll("_", "-"));
    if (field === undefined) return false;
    const isElsewhere = field === "metric_pulling_prometheus_endpoint" && isOfCluster(String(value));
    return isElsewhere || (OF_THE_RUNNER.has(field) && value !== 0 && value !== null);
  });
  if (dropped.length === 0) return text;
  const names = dropped.map(([key]) => key);
  const own = names.filter((name) => FIELDS.get(name.replaceAll("_", "-")) !== "metric_pulling_prometheus_endpoint");
  if (own.length > 0) scope.note(`${own.join(", ")} of its configuration left aside: the runner says it`);
  return stringify(Object.fromEntries(Object.entries(document).filter(([key]) => !names.includes(key))));
}

function keptFlag(flag: GivenFlag, { scope }: Source): GivenFlag[] {
  const { name, value } = flag;
  const field = FIELDS.get(name);
  if (field === undefined) return [flag];
  if (field === "environment" && scope.store === "local") return [];
  if (field === "metric_pulling_prometheus_endpoint" && isOfCluster(value ?? "")) return [];
  if (!OF_THE_RUNNER.has(field)) return [flag];
  if (value !== "0") scope.note(`--${name}${value === undefined ? "" : ` ${value}`} left aside: the runner says it`);
  return [];
}

/** Set in full where it is the container's, whoever says it: variables and files are of the container, too. */
function profileFlag({ document, origins }: ReadPlannerConfig, source: Source): string | undefined {
  if (origins.get("profile_results_dir") === "default") {
    const preset = containerPath(document.profile_results_dir, source);
    return preset === document.profile_results_dir ? undefined : preset;
  }
  return mountedProfile(document.profile_results_dir, "profile_results_dir", source);
}

/** Further paths that a configuration file has within mounts, which it names as they are in the container. */
function pathFlags({ document, origins }: ReadPlannerConfig, { mounts }: Source): GivenFlag[] {
  return PLANNER_FLAGS.flatMap(({ name, field }) => {
    const value: unknown = document[field];
    if (
      field === "profile_results_dir" ||
      OF_THE_RUNNER.has(field) ||
      origins.get(field) !== "file" ||
      typeof value !== "string"
    )
      return [];
    return mountOf(value, mounts.mounts) === undefined ? [] : [{ name, value }];
  });
}

function environmentFlag({ config }: ReadPlannerConfig, { scope }: Source): string[] {
  if (scope.store === "kubernetes") return [];
  if (config.environment === "kubernetes") {
    scope.note("the planner's environment is local: it scales by the runner");
    return ["--environment", "local"];
  }
  if (config.environment !== "none") {
    scope.note(`the planner's environment stays ${config.environment}: the runner's replicas are not what it scales`);
  }
  return ["--environment", config.environment];
}

/** The Prometheus that is named and may be reached from here. */
function prometheusOf({ config, origins }: ReadPlannerConfig, { scope }: Source): string | null {
  const { endpoint } = config.metrics.prometheus;
  const isNamed = isGiven(origins, "metric_pulling_prometheus_endpoint");
  if (isNamed && !isOfCluster(endpoint)) return endpoint;
  scope.note(
    isNamed
      ? `the planner scrapes frontend and workers: ${endpoint} is within a cluster`
      : "the planner scrapes frontend and workers: its manifest names no Prometheus",
  );
  return null;
}

/** An address that only a cluster's DNS knows. */
function isOfCluster(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { hostname } = new URL(url);
  if (hostname === "localhost" || hostname.startsWith("[")) return false;
  return !hostname.includes(".") || /\.svc(\.|$)|\.cluster\.local$/.test(hostname);
}

function written({ name, value }: GivenFlag): string[] {
  // A switch takes its value behind =, a value may begin with a hyphen.
  if (value === undefined) return [`--${name}`];
  return FLAGS.get(name)!.value === "toggle" || value.startsWith("-") ? [`--${name}=${value}`] : [`--${name}`, value];
}

function within<T>(where: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const { code, message, hint, exitCode, cause } = error;
    const place = error.where === undefined ? where : `${where}: ${error.where}`;
    throw new UserError({ code, message, where: place, exitCode, ...(hint !== undefined && { hint }), cause });
  }
}
