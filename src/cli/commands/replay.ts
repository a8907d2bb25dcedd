import { resolve } from "node:path";
import { Command, Option } from "commander";
import { UserError } from "#common";
import { ROUTER_MODES } from "#mocker/router";
import { type RehearseFlags, rehearse, scenarioOf, withRehearseFlags } from "../rehearse.ts";
import { bandwidth, duration, positiveNumber, wholeNumber } from "../values.ts";

interface ReplayFlags extends RehearseFlags {
  profile: string;
  workers?: number;
  prefillWorkers?: number;
  decodeWorkers?: number;
  ttft: string;
  itl: string;
  planner?: string;
  maxGpus?: number;
  startup: string;
  router: string;
  kvTransferBandwidth: string;
  speedup?: number;
  concurrency?: number;
  from?: string;
  to?: string;
  skip?: number;
  requests?: number;
  traceBlockSize?: number;
  spread?: string;
}

/** `understudy replay`: a Mooncake trace on a deployment given by flags. */
export function replayCommand(): Command {
  const command = new Command("replay")
    .description("replay a Mooncake trace (JSONL) in virtual time")
    .argument("<trace>", "trace file: one request a line with timestamp, input_length, output_length, hash_ids")
    .requiredOption("--profile <name>", "shipped profile, folder, npz or profile.json")
    .option(
      "--workers <n>",
      "aggregated workers (default: 1, unless prefill or decode workers are given)",
      wholeNumber("--workers", 1),
    )
    .option("--prefill-workers <n>", "disaggregated: prefill workers", wholeNumber("--prefill-workers", 1))
    .option("--decode-workers <n>", "disaggregated: decode workers", wholeNumber("--decode-workers", 1))
    .option("--ttft <duration>", "SLA: time to first token", duration("--ttft"), "2s")
    .option("--itl <duration>", "SLA: inter-token latency", duration("--itl"), "30ms")
    .option("--planner <strategy>", "scale the workers: default, sla-compat (absent: they stay)")
    .option("--max-gpus <n>", "the planner's GPU budget", wholeNumber("--max-gpus", 1))
    .option("--startup <duration>", "start-up time of a worker", duration("--startup"), "30s")
    .addOption(
      new Option("--router <mode>", "how requests find a worker").choices([...ROUTER_MODES]).default("round-robin"),
    )
    .option(
      "--kv-transfer-bandwidth <rate>",
      "disaggregated: of one KV transfer",
      bandwidth("--kv-transfer-bandwidth"),
      "64GB/s",
    )
    .option("--speedup <factor>", "divides arrival times", positiveNumber("--speedup"))
    .option(
      "--concurrency <n>",
      "closed loop: so many requests (sessions) in flight, in the trace's order, instead of its times",
      wholeNumber("--concurrency", 1),
    )
    .option("--from <duration>", "slice of the trace's own time", duration("--from"))
    .option("--to <duration>", "end of the slice", duration("--to"))
    .option("--skip <n>", "requests left out at the beginning", wholeNumber("--skip"))
    .option("--requests <n>", "requests to take", wholeNumber("--requests", 1))
    .option(
      "--trace-block-size <tokens>",
      "tokens a hash id stands for (default: 512)",
      wholeNumber("--trace-block-size", 1),
    )
    .option(
      "--spread <duration>",
      "bucket width of the timestamps, over which arrivals are spread",
      duration("--spread"),
    )
    .option("--seed <n>", "seed of everything random", wholeNumber("--seed"))
    .addHelpText(
      "after",
      `
Examples:
  $ understudy replay trace.jsonl --workers 4 --profile h200-llama-3.1-8b-fp8-tp1-estimate
  $ understudy replay trace.jsonl --profile h200-llama-3.1-8b-fp8-tp1-estimate --prefill-workers 2 --decode-workers 2 --speedup 2
  $ understudy replay trace.jsonl --profile my-profile/ --prefill-workers 1 --decode-workers 1 --planner default --max-gpus 8`,
    )
    .action(async (trace: string, flags: ReplayFlags) => {
      process.exitCode = await rehearse(scenarioOf(document(trace, flags), "replay"), flags);
    });
  return withRehearseFlags(command);
}

/** The scenario that the flags describe. */
function document(trace: string, flags: ReplayFlags): object {
  const disaggregated = flags.prefillWorkers !== undefined || flags.decodeWorkers !== undefined;
  if (disaggregated && flags.workers !== undefined) {
    throw new UserError({
      code: "CLI_USAGE",
      where: "--workers",
      message: "found --workers beside --prefill-workers or --decode-workers",
      hint: "--workers are aggregated ones: leave it out for a disaggregated deployment",
    });
  }
  const pool = (workers: number | undefined) => ({ workers: workers ?? 1, startup: flags.startup });
  return {
    name: "replay",
    seed: flags.seed ?? 1,
    deployment: {
      profile: /[\\/]|^\.|\.(npz|json)$/.test(flags.profile) ? resolve(flags.profile) : flags.profile,
      router: flags.router,
      ...(disaggregated
        ? {
            mode: "disagg",
            prefill: pool(flags.prefillWorkers),
            decode: pool(flags.decodeWorkers),
            kvTransfer: { bandwidth: flags.kvTransferBandwidth },
          }
        : { mode: "agg", agg: pool(flags.workers) }),
    },
    sla: { ttft: flags.ttft, itl: flags.itl },
    ...(flags.planner === undefined
      ? {}
      : { planner: { strategy: flags.planner, ...(flags.maxGpus === undefined ? {} : { maxGpus: flags.maxGpus }) } }),
    traffic: [
      {
        trace: given({
          file: resolve(trace),
          speedup: flags.speedup,
          concurrency: flags.concurrency,
          from: flags.from,
          to: flags.to,
          skip: flags.skip,
          requests: flags.requests,
          blockSize: flags.traceBlockSize,
          spread: flags.spread,
        }),
      },
    ],
  };
}

function given(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
