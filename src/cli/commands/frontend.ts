import { readFileSync } from "node:fs";
import { Command } from "commander";
import { wallClock } from "#common";
import { type DiscoveryOptions, type Frontend, type FrontendOptions, startFrontend } from "#mocker/frontend";
import { builtinTokenizer, loadTokenizer } from "#mocker/text";
import { readRouterPolicies } from "#scenarios";
import {
  badPort,
  badWorkerUrl,
  discoveryNeeds,
  emptyKeyFile,
  noWorkers,
  severalDiscoveries,
} from "./frontend/errors.ts";
import { type FrontendFlags, withFrontendFlags } from "./frontend/flags.ts";

/** `understudy frontend`: the gateway in front of workers. */
export function frontendCommand(): Command {
  return withFrontendFlags(new Command("frontend"))
    .description("route OpenAI requests to workers, prefill to decode where there are both")
    .addHelpText(
      "after",
      `
Every flag has an environment variable: --max-queued is UNDERSTUDY_FRONTEND_MAX_QUEUED.

Examples:
  $ understudy frontend --worker http://127.0.0.1:8001 --worker http://127.0.0.1:8002
  $ understudy frontend --worker http://127.0.0.1:8001 http://127.0.0.1:8002 --router-mode least-loaded
  $ understudy frontend --discovery-dir ./workers --router-mode kv --sla-ttft 200ms --sla-itl 10ms
  $ understudy frontend --kube-selector app=mocker --kube-namespace llm --host 0.0.0.0`,
    )
    .action(async (flags: FrontendFlags) => {
      const options = frontendOptions(flags);
      if (flags.printConfig) {
        process.stdout.write(`${JSON.stringify(shown(options), null, 2)}\n`);
        return;
      }
      const tokenizer = flags.tokenizer === "builtin" ? builtinTokenizer() : await loadTokenizer(flags.tokenizer);
      const frontend = await startFrontend({ ...options, tokenizer, clock: wallClock(flags.timeScale) });
      announce(frontend, flags);
      await drainedBySignal(frontend, flags);
    });
}

/** What the flags come to. @throws UserError for those that don't go together */
export function frontendOptions(flags: FrontendFlags): FrontendOptions {
  if (flags.port > 65_535) throw badPort(flags.port);
  const apiKeys = [...(flags.apiKey ?? []), ...keysOf(flags.apiKeyFile, "--api-key-file")];
  const workerApiKey = flags.workerApiKey ?? keysOf(flags.workerApiKeyFile, "--worker-api-key-file")[0];
  return {
    discovery: discoveryOf(flags),
    host: flags.host,
    port: flags.port,
    router: {
      mode: flags.routerMode,
      overlapCredit: flags.kvOverlapScoreWeight,
      prefillLoadScale: flags.kvLoadWeight,
      temperature: flags.routerTemperature,
      kvEvents: flags.kvEvents,
      cacheTtlMs: flags.routerTtl,
      queueThreshold: flags.routerQueueThreshold ?? null,
      queuePolicy: flags.routerQueuePolicy,
      policies: flags.routerPolicyConfig === undefined ? null : readRouterPolicies(flags.routerPolicyConfig),
      sessionAffinityMs: flags.routerSessionAffinityTtl ?? null,
    },
    seed: flags.seed,
    limits: {
      maxInFlight: flags.maxInFlight,
      maxQueued: flags.maxQueued,
      queueTimeoutMs: flags.queueTimeout,
      maxBodyBytes: flags.maxBody,
      requestTimeoutMs: flags.requestTimeout,
      workerTimeoutMs: flags.workerTimeout,
      maxAttempts: flags.maxAttempts,
    },
    healthIntervalMs: flags.healthInterval,
    healthTimeoutMs: flags.healthTimeout,
    apiKeys,
    ...(workerApiKey === undefined ? {} : { workerApiKey }),
    sla: {
      ...(flags.slaTtft === undefined ? {} : { ttftMs: flags.slaTtft }),
      ...(flags.slaItl === undefined ? {} : { itlMs: flags.slaItl }),
    },
    eventCapacity: flags.eventCapacity,
    logLevel: flags.logLevel,
  };
}

function discoveryOf(flags: FrontendFlags): DiscoveryOptions {
  const given = [
    flags.worker === undefined ? null : (["static", "--worker"] as const),
    flags.discoveryDir === undefined ? null : (["file", "--discovery-dir"] as const),
    flags.kubeSelector === undefined ? null : (["kubernetes", "--kube-selector"] as const),
  ].filter((found) => found !== null);
  if (flags.discovery === undefined && given.length > 1) throw severalDiscoveries(given.map(([, flag]) => flag));
  const kind = flags.discovery ?? given[0]?.[0];
  switch (kind) {
    case undefined:
      throw noWorkers();
    case "static":
      if (flags.worker === undefined) throw discoveryNeeds(kind, "--worker <url>");
      return { kind, workers: flags.worker.flatMap((list) => list.split(",")).map(workerUrl) };
    case "file":
      if (flags.discoveryDir === undefined) throw discoveryNeeds(kind, "--discovery-dir <dir>");
      return { kind, folder: flags.discoveryDir };
    case "kubernetes": {
      const { kubeSelector: labelSelector, kubeNamespace, kubeResource: resource, kubePort, kubeconfig } = flags;
      if (labelSelector === undefined) throw discoveryNeeds(kind, "--kube-selector <labels>");
      const kubernetes = {
        labelSelector,
        resource,
        ...(kubeNamespace === undefined ? {} : { namespace: kubeNamespace }),
        ...(kubePort === undefined ? {} : { port: kubePort }),
        ...(kubeconfig === undefined ? {} : { kubeconfig }),
      };
      return { kind, kubernetes };
    }
  }
}

function workerUrl(text: string): string {
  if (!/^https?:\/\/[^/]/.test(text) || !URL.canParse(text)) throw badWorkerUrl(text);
  const { origin, pathname } = new URL(text);
  if (pathname !== "/" && pathname !== "/v1" && pathname !== "/v1/") throw badWorkerUrl(text);
  return origin;
}

/** Keys of a file, one a line; a missing file is an error of the file system, which the command line shows. */
function keysOf(file: string | undefined, flag: string): string[] {
  if (file === undefined) return [];
  const keys = readFileSync(file, "utf8")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  if (keys.length === 0) throw emptyKeyFile(file, flag);
  return keys;
}

/** Without secrets. */
function shown(options: FrontendOptions) {
  const { apiKeys = [], workerApiKey, ...rest } = options;
  return { ...rest, apiKeys: apiKeys.length, workerApiKey: workerApiKey !== undefined };
}

function announce({ url }: Frontend, flags: FrontendFlags): void {
  if (flags.json) process.stdout.write(`${JSON.stringify({ url })}\n`);
  process.stderr.write(`frontend listens on ${url} (${flags.routerMode})\n`);
}

/** Resolves when SIGTERM or SIGINT came and all requests have ended; a second one ends the process at once. */
async function drainedBySignal(frontend: Frontend, flags: FrontendFlags): Promise<void> {
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve());
  });
  await frontend.drain({ delayMs: flags.drainDelay, graceMs: flags.drainTimeout });
}
