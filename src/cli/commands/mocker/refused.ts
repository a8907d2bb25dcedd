import { type Command, Option } from "commander";
import { ENGINE_DEFAULTS, type EngineFamily } from "#mocker/engine";
import { notHonoured } from "./errors.ts";

/** Flags of Dynamo's and other mockers that would change what is mocked, and can't be honoured: why, and what there is. */
const REFUSED: Readonly<Record<string, { reason: string; hint: string }>> = {};
const refuse = (flags: readonly string[], reason: string, hint: string) => {
  for (const flag of flags) (REFUSED as Record<string, { reason: string; hint: string }>)[flag] = { reason, hint };
};

refuse(
  ["--response-replay-trace-path"],
  "recorded answers are not replayed",
  "the same prompt with the same seed gets the same text",
);
refuse(
  ["--bootstrap-ports"],
  "prefill and decode workers meet over HTTP, at /kv_transfer of the prefill worker's own port",
  "leave it out",
);
refuse(
  ["--request-plane", "--event-plane", "--discovery-backend"],
  "workers speak HTTP, without NATS or etcd",
  "--register-dir lets frontends on the same machine find them",
);

/** vLLM's flags that a mock engine has no use for: taken, so that command lines work as they are. */
const WITHOUT_EFFECT = [
  "--tensor-parallel-size",
  "--pipeline-parallel-size",
  "--dtype",
  "--quantization",
  "--max-logprobs",
  "--kv-transfer-config",
  "--kv-events-config",
  "--reasoning-parser",
  "--tool-call-parser",
  "--chat-template",
];
/** Shares of GPU memory count where the estimator sizes the KV cache. */
const ONLY_WITH_ESTIMATOR = ["--gpu-memory-utilization", "--mem-fraction-static", "--free-gpu-memory-fraction"];
/** Flags that not every engine type has. */
const ONLY_WITH_ENGINES: { engines: readonly EngineFamily[]; flags: readonly string[] }[] = [
  { engines: ["vllm"], flags: ["--preemption-mode"] },
  {
    engines: ["vllm", "trtllm"],
    flags: ["--watermark", "--enable-chunked-prefill", "--no-enable-chunked-prefill"],
  },
  {
    engines: ["sglang"],
    flags: [
      "--sglang-schedule-policy",
      "--sglang-page-size",
      "--sglang-max-prefill-tokens",
      "--sglang-chunked-prefill-size",
      "--sglang-clip-max-new-tokens",
      "--sglang-schedule-conservativeness",
    ],
  },
  { engines: ["trtllm"], flags: ["--trtllm-capacity-scheduler-policy"] },
];
const SWITCHES_WITHOUT_EFFECT = [
  "--trust-remote-code",
  "--enforce-eager",
  "--enable-auto-tool-choice",
  "--disable-log-requests",
  "--disable-log-stats",
];

/** Knows these flags, without showing them. */
export function withForeignFlags(command: Command): Command {
  for (const flag of Object.keys(REFUSED)) command.addOption(new Option(`${flag} [value]`).hideHelp());
  for (const flag of WITHOUT_EFFECT) command.addOption(new Option(`${flag} <value>`).hideHelp());
  for (const flag of SWITCHES_WITHOUT_EFFECT) command.addOption(new Option(flag).hideHelp());
  return command;
}

/** @throws UserError MOCKER_FLAG_NOT_HONOURED */
export function refuseForeignFlags(command: Command): void {
  for (const [flag, { reason, hint }] of Object.entries(REFUSED)) {
    if (isGiven(command, flag)) throw notHonoured(flag, reason, hint);
  }
}

/** Those of them that were given and do nothing. */
export function ignoredFlags(command: Command): string[] {
  const { engineType = ENGINE_DEFAULTS.family } = command.opts<{ engineType?: EngineFamily }>();
  const idle = [
    ...(isGiven(command, "--aic-perf-model") ? [] : ONLY_WITH_ESTIMATOR),
    ...ONLY_WITH_ENGINES.flatMap(({ engines, flags }) => (engines.includes(engineType) ? [] : flags)),
  ];
  return [...WITHOUT_EFFECT, ...SWITCHES_WITHOUT_EFFECT, ...idle].filter((flag) => isGiven(command, flag));
}

/** A flag and its `--no-` have one value between them. */
function isGiven(command: Command, flag: string): boolean {
  const name = new Option(flag).attributeName();
  if (command.getOptionValueSource(name) === undefined) return false;
  return flag.startsWith("--no-") === (command.getOptionValue(name) === false);
}
