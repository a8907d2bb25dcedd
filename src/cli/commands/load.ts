import { tmpdir } from "node:os";
import { resolve } from "node:path";
import { Command } from "commander";
import { formatDuration, makeFolder } from "#common";
import {
  aiperfJson,
  DetailFile,
  type Goodput,
  type GoodputLimit,
  goodRequests,
  type LoadFacts,
  type LoadFiles,
  type LoadOptions,
  type LoadProgress,
  type LoadResult,
  loadBlocks,
  loadRecord,
  outcomeText,
  parseGoodput,
  resolveModel,
  runLoad,
  runLoadOntoDisk,
  type StoredLoad,
  storedLoadRecord,
  vllmText,
  writeArtifacts,
} from "#src/loadgen";
import { RowFile } from "#src/record";
import { metricsTable, type RunSummary, summarize, terminalOptions } from "#src/report";
import { EXIT_INTERRUPTED } from "../errors.ts";
import { type LoadFlags, withLoadFlags } from "../load/flags.ts";
import { loadOptions, loadTarget, openTokenizer } from "../load/options.ts";
import { loadSharded } from "../load/sharded.ts";
import { type LoadPlan, loadPlan } from "../load/workload.ts";
import { progress } from "../progress.ts";
import { checkExecutorFlags, type ExecutorFlags, withExecutorFlags } from "../sharding/flags.ts";

type Flags = LoadFlags & ExecutorFlags;

/** `understudy load`: sends load to a server and measures it. */
export function loadCommand(): Command {
  return withExecutorFlags(withLoadFlags(new Command("load")))
    .description("send load to an OpenAI-compatible server and measure what comes back")
    .addHelpText(
      "after",
      `
Examples:
  $ understudy load --url http://127.0.0.1:8000 --request-rate 20 --isl 3000 --osl 300 --benchmark-duration 60
  $ understudy load --url http://127.0.0.1:8000 --concurrency 64 --request-count 1000 --ttft 250ms --itl 10ms
  $ understudy load --url http://127.0.0.1:8000 --input-file trace.jsonl --fixed-schedule --speedup 2
  $ understudy load --url http://127.0.0.1:8000 --scenario scenarios/library/flash-crowd.yaml --workers 2
  $ understudy load --url http://127.0.0.1:8000 --traffic 'ramp: { requestRate: { from: 1, to: 20 }, isl: 3000, osl: 300, duration: 2m }'
  $ understudy load --url http://frontend.llm:8000 --request-rate 2000 --executor kubernetes --shards 8 --image understudy:0.1.0

Exit code 1 where requests failed.`,
    )
    .action(async (flags: Flags, self: Command) => {
      checkExecutorFlags(flags, self);
      process.exitCode = await load(flags);
    });
}

async function load(flags: Flags): Promise<number> {
  const tokenizer = await openTokenizer(flags);
  const limits = goodputLimits(flags);
  const plan = loadPlan(flags, tokenizer);
  const target = loadTarget(flags);
  const told = (result: LoadResult | StoredLoad, model: string): number => {
    report(result, model, plan, [...limits, ...scenarioLimits(plan, limits)], flags);
    if (result.aborted) return EXIT_INTERRUPTED;
    return result.failures.length > 0 ? 1 : 0;
  };
  // What pods can reach is not always in reach of who asks for them.
  if (flags.executor === "kubernetes" || (flags.shards ?? 1) > 1) {
    const model = flags.executor === "kubernetes" ? flags.model : await resolveModel(target, flags.model);
    const merged = await loadSharded(flags, plan, model);
    return merged === null ? EXIT_INTERRUPTED : told(merged.result, merged.model);
  }
  const model = await resolveModel(target, flags.model);
  // A folder that cannot be made should not be found out when all has been measured.
  if (flags.report) makeFolder(artifactFolder(flags, plan, model));
  const interrupted = new AbortController();
  // Once: a second Ctrl-C ends the process at once.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => interrupted.abort());
  const bar = progress();
  const options: LoadOptions = {
    ...loadOptions(flags, plan, tokenizer, { ...target, model }),
    signal: interrupted.signal,
    onProgress: (now) => bar.update(progressText(now, plan)),
  };
  if (plan.workload.count <= flags.rowsInMemory) return told(await runLoad(options).finally(() => bar.done()), model);
  const files = filesIn(flags.report ? artifactFolder(flags, plan, model) : tmpdir());
  try {
    return told(await runLoadOntoDisk(options, files).finally(() => bar.done()), model);
  } finally {
    files.rows.close();
    files.details.close();
  }
}

function filesIn(folder: string): LoadFiles & { details: DetailFile } {
  return { rows: new RowFile(folder), details: new DetailFile(folder) };
}

/** --ttft and --itl are limits like those of --goodput. */
function goodputLimits(flags: LoadFlags): GoodputLimit[] {
  const limits = flags.goodput === undefined ? [] : parseGoodput(flags.goodput);
  if (flags.ttft !== undefined) limits.push({ metric: "time_to_first_token", limit: flags.ttft });
  if (flags.itl !== undefined) limits.push({ metric: "inter_token_latency", limit: flags.itl });
  return limits;
}

/** A scenario's SLA counts where the flags have none. */
function scenarioLimits({ sla }: LoadPlan, limits: readonly GoodputLimit[]): GoodputLimit[] {
  if (sla === undefined || limits.length > 0) return [];
  return [
    { metric: "time_to_first_token", limit: sla.ttftMs },
    { metric: "inter_token_latency", limit: sla.itlMs },
  ];
}

function report(
  result: LoadResult | StoredLoad,
  model: string,
  plan: LoadPlan,
  limits: GoodputLimit[],
  flags: LoadFlags,
): void {
  const named = { name: model, sla: slaOf(limits), seed: plan.seed };
  const summary = summarize("files" in result ? storedLoadRecord(result, named) : loadRecord(result, named));
  const goodput = limits.length === 0 ? null : goodputOf(result, summary, limits);
  const { apiKey: _secret, header, ...shown } = flags;
  const artifacts = { summary, goodput, inputConfig: { ...shown, header: header?.map(headerName), model } };
  if (flags.json) {
    process.stdout.write(aiperfJson(result, artifacts));
  } else if (!flags.quiet) {
    process.stdout.write(table(result, summary, goodput, flags));
    process.stdout.write(`\n${outcomeText(result, goodput)}`);
  }
  if (!flags.quiet) {
    for (const warning of result.warnings) process.stderr.write(`warning: ${warning.text}\n`);
    if (result.aborted) process.stderr.write("interrupted: these are the numbers until then\n");
  }
  if (!flags.report) return;
  const dir = artifactFolder(flags, plan, model);
  writeArtifacts(result, dir, artifacts);
  if (!flags.quiet) process.stderr.write(`Files in ${dir}\n`);
}

function artifactFolder({ artifactDir, endpointType }: LoadFlags, { label }: LoadPlan, model: string): string {
  return resolve(artifactDir ?? `artifacts/${model.replaceAll(/[^\w.-]+/g, "_")}-openai-${endpointType}-${label}`);
}

function table(result: LoadFacts, summary: RunSummary, goodput: Goodput | null, flags: LoadFlags): string {
  if (flags.format === "aiperf") return `${metricsTable(summary, terminalOptions(process.stdout)).join("\n")}\n`;
  const { gaps, counts } = result;
  return vllmText(summary, {
    gaps,
    failed: counts.failed + counts.rejected,
    goodput: goodput?.perSecond ?? null,
    ...(flags.requestRate === undefined ? {} : { requestRate: flags.requestRate }),
    ...(flags.concurrency === undefined ? {} : { concurrency: flags.concurrency }),
  });
}

function goodputOf(result: LoadResult | StoredLoad, summary: RunSummary, limits: readonly GoodputLimit[]): Goodput {
  let good = 0;
  for (const { requests } of loadBlocks(result)) good += goodRequests(requests, limits);
  const { durationMs } = summary.throughput;
  return { good, perSecond: durationMs > 0 ? (good * 1000) / durationMs : 0 };
}

function slaOf(limits: readonly GoodputLimit[]): { ttftMs: number; itlMs: number } {
  const limit = (metric: GoodputLimit["metric"]) =>
    Math.min(Number.POSITIVE_INFINITY, ...limits.filter((one) => one.metric === metric).map((one) => one.limit));
  return { ttftMs: limit("time_to_first_token"), itlMs: limit("inter_token_latency") };
}

function headerName(header: string): string {
  return header.split(":")[0]!;
}

/** `12 s of 60 s, 240 sent, 31 in flight, 209 done, 2 failed`. */
function progressText({ nowMs, sent, inFlight, done, failed }: LoadProgress, { workload }: LoadPlan): string {
  const time =
    workload.horizonMs > 0
      ? `${formatDuration(nowMs)} of ${formatDuration(workload.horizonMs)}`
      : formatDuration(nowMs);
  return `${time}, ${sent} sent, ${inFlight} in flight, ${done} done${failed > 0 ? `, ${failed} failed` : ""}`;
}
