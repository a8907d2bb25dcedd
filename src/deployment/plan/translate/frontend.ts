import { type FlagRule, type FlagTable, flags, type GivenFlag, readFlags, translated } from "../flags.ts";
import { PLAIN, type Source, type Translation } from "./translation.ts";

const LEFT: FlagRule = { value: "text", leave: "it has no meaning for this frontend" };
const LEFT_SWITCH: FlagRule = { value: "switch", leave: "it has no meaning for this frontend" };
const THRESHOLD: FlagRule = { value: "text", leave: "workers say themselves when they are full" };
const PLAIN_HTTP: FlagRule = { value: "text", leave: "the frontend serves plain HTTP on this machine" };
const OVER_HTTP: FlagRule = { value: "text", leave: "workers and frontends meet over HTTP here" };
const ROUTER_MODES = ["round-robin", "random", "least-loaded", "kv"];

/** The flags of `python3 -m dynamo.frontend`. */
export const FRONTEND_FLAGS: FlagTable = new Map([
  ...flags({ value: "count" }, "http-port"),
  ...flags({ value: "text", leave: "the runner says where the frontend listens" }, "http-host"),
  ...flags({ value: ROUTER_MODES }, "router-mode"),
  ...flags({ value: "amount" }, "kv-overlap-score-weight", "router-temperature"),
  ...flags({ value: "amount", to: "kv-overlap-score-weight" }, "router-kv-overlap-score-weight"),
  ...flags({ value: "amount", to: "kv-overlap-score-weight" }, "router-kv-overlap-score-credit"),
  ...flags({ value: "amount", to: "kv-load-weight" }, "router-prefill-load-scale"),
  ...flags({ value: "amount" }, "router-queue-threshold"),
  ...flags({ value: ["fcfs", "lcfs", "wspt"] }, "router-queue-policy"),
  ...flags({ value: "switch" }, "no-kv-events"),
  ...flags({ value: "switch", to: "no-kv-events" }, "no-router-kv-events"),
  ...flags({ value: "switch", leave: "that is how it routes" }, "kv-events", "router-kv-events", "enforce-disagg"),
  ...flags({ value: "text", leave: "a deployment has its own workers here" }, "namespace", "namespace-prefix"),
  ...flags({ value: "text", leave: "workers say their model themselves" }, "model-name", "model-path"),
  ...flags({ value: "text", leave: "workers say their block size themselves" }, "kv-cache-block-size"),
  ...flags(OVER_HTTP, "discovery-backend", "request-plane", "event-plane", "store-kv"),
  ...flags(PLAIN_HTTP, "tls-cert-path", "tls-key-path"),
  ...flags(THRESHOLD, "busy-threshold", "active-decode-blocks-threshold", "active-prefill-tokens-threshold"),
  ...flags(THRESHOLD, "active-prefill-tokens-threshold-frac"),
  ...flags(
    { value: "text", leave: "a request moves to another worker until its first token, as --max-attempts has it" },
    ...["migration-limit", "migration-max-seq-len"],
  ),
  ...flags({ value: "amount", to: "router-ttl", unit: "s" }, "router-ttl", "router-ttl-secs"),
  ...flags({ value: "amount", to: "router-session-affinity-ttl", unit: "s" }, "router-session-affinity-ttl-secs"),
  ...flags(LEFT, "router-max-tree-size", "router-prune-target-ratio"),
  ...flags(LEFT, "router-snapshot-threshold", "router-event-threads", "metrics-prefix", "grpc-metrics-port"),
  ...flags(LEFT, "chat-processor", "dyn-chat-processor", "preprocess-workers", "tokenizer", "dump-config-to"),
  ...flags(LEFT_SWITCH, "router-replica-sync", "no-router-replica-sync", "router-reset-states", "kserve-grpc-server"),
  ...flags(LEFT_SWITCH, "track-active-blocks", "no-track-active-blocks", "router-track-active-blocks"),
  ...flags(LEFT_SWITCH, "no-router-track-active-blocks", "assume-kv-reuse", "no-assume-kv-reuse"),
  ...flags(LEFT_SWITCH, "router-assume-kv-reuse", "no-router-assume-kv-reuse", "track-output-blocks"),
  ...flags(LEFT_SWITCH, "router-track-output-blocks", "durable-kv-events", "router-durable-kv-events"),
  ...flags(LEFT_SWITCH, "enable-anthropic-api", "strip-anthropic-preamble", "debug-perf"),
  ...flags(
    {
      value: "switch",
      refuse: { reason: "nobody is there to talk to", hint: "leave it out: the frontend serves HTTP" },
    },
    "interactive",
  ),
]);

/** Variables that Dynamo's frontend takes for flags. */
const VARIABLES: readonly (readonly [variable: string, flag: string])[] = [
  ["DYN_ROUTER_MODE", "router-mode"],
  ["DYN_ROUTER_KV_OVERLAP_SCORE_WEIGHT", "kv-overlap-score-weight"],
  ["DYN_KV_OVERLAP_SCORE_WEIGHT", "kv-overlap-score-weight"],
  ["DYN_ROUTER_TEMPERATURE", "router-temperature"],
  ["DYN_ROUTER_PREFILL_LOAD_SCALE", "router-prefill-load-scale"],
  ["DYN_ROUTER_QUEUE_THRESHOLD", "router-queue-threshold"],
  ["DYN_ROUTER_QUEUE_POLICY", "router-queue-policy"],
  ["DYN_ROUTER_SESSION_AFFINITY_TTL_SECS", "router-session-affinity-ttl-secs"],
  ["DYN_HTTP_PORT", "http-port"],
];

/** `python3 -m dynamo.frontend` as `understudy frontend`. @throws UserError for what can't be honoured */
export function translateFrontend({ scope, program, variables }: Source): Translation {
  const where = scope.component.containerPath();
  const words = program.args.map((word) => (word === "-i" ? "--interactive" : word));
  const given = readFlags(words, FRONTEND_FLAGS, program.name, where);
  const has = (name: string, all: readonly GivenFlag[]) =>
    all.some((flag) => (FRONTEND_FLAGS.get(flag.name)?.to ?? flag.name) === name);
  for (const [variable, name] of VARIABLES) {
    const value = variables.get(variable);
    if (value === undefined || value === "" || has(name, given)) continue;
    given.push(...readFlags([`--${name}=${value}`], FRONTEND_FLAGS, `$${variable}`, where));
  }
  const usesEvents = variables.get("DYN_ROUTER_USE_KV_EVENTS") ?? variables.get("DYN_KV_EVENTS");
  if (/^(false|0)$/i.test(usesEvents ?? "") && !has("no-kv-events", given)) given.push({ name: "no-kv-events" });
  const port = given.findLast(({ name }) => name === "http-port")?.value;
  const rest = given.filter(({ name }) => name !== "http-port");
  return {
    ...PLAIN,
    kind: "frontend",
    argv: ["frontend", ...translated(rest, FRONTEND_FLAGS, scope.note)],
    port: port === undefined ? null : Number(port),
  };
}
