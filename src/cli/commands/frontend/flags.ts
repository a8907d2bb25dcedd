import { type Command, InvalidArgumentError, Option } from "commander";
import { parseBytes, parseDurationMs, UserError } from "#common";
import { FRONTEND_MAX_ATTEMPTS, QUEUE_POLICIES, type QueuePolicy, ROUTER_MODES, type RouterMode } from "#mocker/router";
import { positiveNumber, wholeNumber } from "../../values.ts";

/** What `understudy frontend` is told. */
export interface FrontendFlags {
  // Workers
  worker?: string[];
  discovery?: "static" | "file" | "kubernetes";
  discoveryDir?: string;
  kubeSelector?: string;
  kubeNamespace?: string;
  kubeResource: "endpointslices" | "pods";
  kubePort?: number;
  kubeconfig?: string;
  workerApiKey?: string;
  workerApiKeyFile?: string;
  // Routing
  routerMode: RouterMode;
  kvOverlapScoreWeight: number;
  kvLoadWeight: number;
  routerTemperature: number;
  kvEvents: boolean;
  routerTtl: number;
  routerQueueThreshold?: number;
  routerQueuePolicy: QueuePolicy;
  routerPolicyConfig?: string;
  routerSessionAffinityTtl?: number;
  tokenizer: string;
  seed: number;
  // Failures
  maxAttempts: number;
  healthInterval: number;
  healthTimeout: number;
  workerTimeout: number;
  // Limits
  maxInFlight: number;
  maxQueued: number;
  queueTimeout: number;
  maxBody: number;
  requestTimeout: number;
  apiKey?: string[];
  apiKeyFile?: string;
  // What is counted
  slaTtft?: number;
  slaItl?: number;
  eventCapacity: number;
  timeScale: number;
  // Server
  host: string;
  port: number;
  drainDelay: number;
  drainTimeout: number;
  logLevel: "fatal" | "error" | "warn" | "info" | "debug" | "trace" | "silent";
  json?: boolean;
  printConfig?: boolean;
}

const LOG_LEVELS = ["fatal", "error", "warn", "info", "debug", "trace", "silent"];
const ENV_PREFIX = "UNDERSTUDY_FRONTEND_";

/** Adds the flags; each has an environment variable, `UNDERSTUDY_FRONTEND_` and its name. */
export function withFrontendFlags(command: Command): Command {
  const add = (group: string, ...options: Option[]) => {
    for (const option of options) command.addOption(named(option).helpGroup(group));
  };
  add(
    "Workers:",
    new Option("--worker <url...>", "addresses of workers, or of any OpenAI server (vLLM, SGLang)"),
    new Option("--discovery <kind>", "where workers come from (default: static, or what the flags below tell)").choices(
      ["static", "file", "kubernetes"],
    ),
    new Option("--discovery-dir <dir>", "file: the folder of leases that workers write with --register-dir"),
    new Option("--kube-selector <labels>", "kubernetes: label selector, such as app=mocker"),
    new Option("--kube-namespace <name>", "kubernetes: default is the kubeconfig's, or the pod's own"),
    new Option("--kube-resource <kind>", "kubernetes: what is watched")
      .choices(["endpointslices", "pods"])
      .default("endpointslices"),
    new Option("--kube-port <n>", "kubernetes: default is what slices and pods declare").argParser(
      wholeNumber("--kube-port", 1),
    ),
    new Option("--kubeconfig <file>", "kubernetes: default as kubectl has it, then the pod's own"),
    new Option("--worker-api-key <key>", "bearer token sent to workers"),
    new Option("--worker-api-key-file <file>", "the same from a file"),
  );
  add(
    "Routing:",
    new Option("--router-mode <mode>", "how requests find a worker").choices([...ROUTER_MODES]).default("round-robin"),
    new Option("--kv-overlap-score-weight <x>", "kv: what a cached block takes off the cost")
      .argParser(atLeastZero("--kv-overlap-score-weight"))
      .default(1),
    new Option("--kv-load-weight <x>", "kv: weight of a prompt block to compute against a block in use")
      .argParser(atLeastZero("--kv-load-weight"))
      .default(1),
    new Option("--router-temperature <x>", "kv: 0 always takes the cheapest worker")
      .argParser(atLeastZero("--router-temperature"))
      .default(0),
    new Option("--no-kv-events", "kv: what was routed counts as cached, instead of what workers publish"),
    new Option("--router-ttl <duration>", "kv without events: how long what was routed counts as cached")
      .argParser(milliseconds("--router-ttl"))
      .default(120_000, "2m"),
    new Option(
      "--router-queue-threshold <x>",
      "kv: requests wait while every worker has more prompt tokens to compute than x × its token budget (default: never)",
    ).argParser(atLeastZero("--router-queue-threshold")),
    new Option("--router-queue-policy <policy>", "kv: who goes first of those that wait")
      .choices([...QUEUE_POLICIES])
      .default("fcfs"),
    new Option(
      "--router-policy-config <file>",
      "kv: queues for classes of requests (Dynamo's policy classes), in place of threshold and policy",
    ),
    new Option(
      "--router-session-affinity-ttl <duration>",
      "requests with the same X-Dynamo-Session-ID stay with a worker until idle for so long (default: they don't)",
    ).argParser(milliseconds("--router-session-affinity-ttl")),
    new Option("--tokenizer <file|dir>", "a tokenizer.json to count with: the workers' own").default("builtin"),
    new Option("--seed <n>", "of what routers draw").argParser(wholeNumber("--seed")).default(0),
  );
  add(
    "Failures:",
    new Option("--max-attempts <n>", "workers that a request is given to until its first token")
      .argParser(wholeNumber("--max-attempts", 1))
      .default(FRONTEND_MAX_ATTEMPTS),
    new Option("--health-interval <duration>", "between two checks of a worker")
      .argParser(milliseconds("--health-interval"))
      .default(5000, "5s"),
    new Option("--health-timeout <duration>", "of a check")
      .argParser(milliseconds("--health-timeout"))
      .default(2000, "2s"),
    new Option("--worker-timeout <duration>", "without a sign of a worker, until its request fails; 0: none")
      .argParser(milliseconds("--worker-timeout"))
      .default(600_000, "10m"),
  );
  add(
    "Limits:",
    new Option("--max-in-flight <n>", "requests at workers; further ones wait")
      .argParser(wholeNumber("--max-in-flight", 1))
      .default(100_000),
    new Option("--max-queued <n>", "requests that wait; further ones get 429")
      .argParser(wholeNumber("--max-queued"))
      .default(20_000),
    new Option("--queue-timeout <duration>", "how long one waits, model time")
      .argParser(milliseconds("--queue-timeout"))
      .default(300_000, "5m"),
    new Option("--max-body <bytes>", "longest body").argParser(bytes("--max-body")).default(16 << 20, "16MiB"),
    new Option("--request-timeout <duration>", "within which a request must be there whole")
      .argParser(milliseconds("--request-timeout"))
      .default(60_000, "60s"),
    new Option("--api-key <key...>", "bearer tokens to ask for"),
    new Option("--api-key-file <file>", "the same, one a line"),
  );
  add(
    "What is counted:",
    new Option("--sla-ttft <duration>", "count requests whose time to first token is within this").argParser(
      milliseconds("--sla-ttft"),
    ),
    new Option("--sla-itl <duration>", "the same of the mean inter-token latency").argParser(milliseconds("--sla-itl")),
    new Option("--event-capacity <n>", "events kept for GET /requests")
      .argParser(wholeNumber("--event-capacity", 1))
      .default(100_000),
    new Option("--time-scale <k>", "model time runs k times as fast as the clock: the workers' own")
      .argParser(positiveNumber("--time-scale"))
      .default(1),
  );
  add(
    "Server:",
    new Option("--host <address>", "where it listens").default("127.0.0.1"),
    new Option("--port <n>", "0: any free one").argParser(wholeNumber("--port")).default(8000),
    new Option("--drain-delay <duration>", "at SIGTERM: new connections are taken for so long")
      .argParser(milliseconds("--drain-delay"))
      .default(0, "0s"),
    new Option("--drain-timeout <duration>", "for what is under way then; 0: as long as it takes")
      .argParser(milliseconds("--drain-timeout"))
      .default(30_000, "30s"),
    new Option("--log-level <level>", "on stderr").choices(LOG_LEVELS).default("warn"),
    new Option("--json", "a JSON line with the address when it listens"),
    new Option("--print-config", "print what the flags come to, and end"),
  );
  return command;
}

/** `--max-queued` also is UNDERSTUDY_FRONTEND_MAX_QUEUED. What turns things off and on for a single run has none. */
function named(option: Option): Option {
  if (option.negate || ["json", "printConfig"].includes(option.attributeName())) return option;
  return option.env(ENV_PREFIX + option.name().replaceAll("-", "_").toUpperCase());
}

function atLeastZero(flag: string): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isFinite(value) && value >= 0 && text.trim() !== "") return value;
    throw new InvalidArgumentError(`${flag} takes a number of 0 or more.`);
  };
}

function milliseconds(flag: string): (text: string) => number {
  return (text) => orUsage(() => parseDurationMs(text, flag));
}

function bytes(flag: string): (text: string) => number {
  return (text) => orUsage(() => parseBytes(text, flag));
}

function orUsage<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof UserError) throw new InvalidArgumentError(`${error.message}.`);
    throw error;
  }
}
