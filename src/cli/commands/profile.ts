import { randomBytes } from "node:crypto";
import { Command } from "commander";
import { formatUserError, UserError } from "#common";
import {
  addProfileOptions,
  type ChoicePage,
  type ProfilingInput,
  type ProfilingRequest,
  type ProfilingResult,
  profile,
  profileInputFrom,
  type RunServices,
  readProfilingRequest,
  writeConfigFailure,
} from "#src/profiler";
import type { WebUiContentOptions } from "#src/web";
import { EXIT_INTERRUPTED } from "../errors.ts";
import { type ClusterFlags, idleCluster, profilingCluster, withClusterFlags } from "../profile/cluster.ts";
import { consoleWriter } from "../profile/console.ts";
import { resultJson } from "../profile/result-json.ts";
import { summaryText } from "../profile/summary.ts";
import { positiveNumber, wholeNumber } from "../values.ts";
import { packageVersion } from "../version.ts";

/** Nobody waits for a mock in real time; the driver slows down where it could not be measured any more. */
const DEFAULT_SPEEDUP = 50;

interface OwnFlags extends ClusterFlags {
  json?: boolean;
  quiet?: boolean;
  python?: string;
  refine: number;
  speedupRatio: number;
  gpuCostPerHour?: number;
  doubleCountGpuHours?: boolean;
}

/** `understudy profile`: from a deployment request to a profile, a plan, plots and manifests. */
export function profileCommand(): Command {
  const command = new Command("profile")
    .description("find the parallel mappings that keep TTFT and ITL targets, and write profile, plots and manifests")
    .argument("[config]", "a DGDR (v1alpha1, v1beta1), its spec or a profiling config; as --config");
  return withClusterFlags(addProfileOptions(command))
    .optionsGroup("Output:")
    .option("--refine <n>", "loads to add for each context length where ITL bends most", wholeNumber("--refine"), 0)
    .option(
      "--speedup-ratio <k>",
      "how many times as fast as real engines local mockers may run",
      positiveNumber("--speedup-ratio"),
      DEFAULT_SPEEDUP,
    )
    .option(
      "--gpu-cost-per-hour <usd>",
      "price of a GPU-hour, on picture, page and in the summary (default: 3)",
      positiveNumber("--gpu-cost-per-hour"),
    )
    .option("--double-count-gpu-hours", "count GPU hours on the page as Dynamo does: too high by an engine's GPUs")
    .option("--python <path>", "Python with the aiconfigurator package, for --estimator aiconfigurator")
    .option("--json", "print the result as JSON")
    .option("--quiet", "no progress on stderr")
    .addHelpText(
      "after",
      `
Examples:
  $ understudy profile --model Qwen/Qwen3-32B --backend trtllm --gpu h200_sxm --isl 3000 --osl 150 --ttft 200 --itl 20
  $ understudy profile --config dgdr.yaml --output-dir profiling_results
  $ understudy profile --model Qwen/Qwen3-32B-FP8 --backend trtllm --use-ai-configurator --aic-system h200_sxm --ttft 200 --itl 15 --pick-with-webui
  $ understudy profile dgdr.yaml --dry-run
  $ understudy profile dgdr.yaml --strategy thorough --deploy-to kubernetes --namespace llm
  $ understudy profile dgdr.yaml --skip-existing-results       # goes on where an interrupted run stopped

Without --use-ai-configurator, --gpu or searchStrategy: rapid, candidates are deployed (as local mockers, or to a cluster) and measured.
Exit code 1 where no engine could be had, 130 where the run was interrupted.`,
    )
    .action(async (config: string | undefined, _flags: unknown, self: Command) => {
      await runProfile(config, self.opts<OwnFlags & Record<string, unknown>>());
    });
}

async function runProfile(config: string | undefined, flags: OwnFlags & Record<string, unknown>): Promise<void> {
  const input = profileInputFrom(flags);
  if (config !== undefined) takeConfig(input, config);
  const cluster = profilingCluster(flags);
  const request = await readRequest(input);
  if (cluster !== null) process.stderr.write(idleCluster(request) ?? "");
  const interrupted = new AbortController();
  // Once: a second Ctrl-C ends the process at once.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => interrupted.abort());
  const page = await choicePage(request, flags);
  const python = flags.python ?? process.env.AICONFIGURATOR_PYTHON;
  const result = await untilInterrupted(request, {
    signal: interrupted.signal,
    now: () => new Date(),
    hexDigits: (count) =>
      randomBytes(Math.ceil(count / 2))
        .toString("hex")
        .slice(0, count),
    tool: `llm-understudy ${packageVersion()}`,
    refine: flags.refine,
    speedup: flags.speedupRatio,
    ...(cluster === null ? {} : { cluster }),
    ...(flags.gpuCostPerHour === undefined ? {} : { gpuHourPrice: flags.gpuCostPerHour }),
    ...(flags.quiet ? {} : { console: consoleWriter(request.dialect) }),
    ...(page === undefined ? {} : { page }),
    ...(python === undefined ? {} : { python }),
  });
  if (result === null) return;
  process.stdout.write(flags.json ? `${JSON.stringify(resultJson(result), null, 2)}\n` : summaryText(result));
}

/** Null where the user interrupted it: that is said, and is no error of anything. */
async function untilInterrupted(request: ProfilingRequest, services: RunServices): Promise<ProfilingResult | null> {
  try {
    return await profile(request, services);
  } catch (error) {
    if (!(error instanceof UserError) || !services.signal.aborted) throw error;
    process.stderr.write(`${formatUserError(error)}\n`);
    process.exitCode = EXIT_INTERRUPTED;
    return null;
  }
}

function takeConfig(input: ProfilingInput, config: string): void {
  if (input.config !== undefined) {
    throw new UserError({
      code: "CLI_PROFILE_TWO_CONFIGS",
      where: "--config",
      message: `found it beside the argument ${config}, expected one of both`,
    });
  }
  input.config = config;
}

/** A request that can't be taken leaves a status file, for those who wait for one. */
async function readRequest(input: ProfilingInput): Promise<ProfilingRequest> {
  const { isSupported } = await import("#src/estimator");
  try {
    return readProfilingRequest(input, { isSupported });
  } catch (error) {
    const given = input.flags.find(({ name }) => name === "output-dir")?.value;
    if (error instanceof UserError && typeof given === "string") writeConfigFailure(given, error, new Date());
    throw error;
  }
}

/** The page is loaded only where something will look at it. */
async function choicePage(request: ProfilingRequest, flags: OwnFlags): Promise<ChoicePage | undefined> {
  if (request.sweep.dryRun || (request.dialect !== "0.8" && request.webui === undefined)) return undefined;
  const { pickWithWebUi, webUiContent, webUiJson } = await import("#src/web");
  const counted: Pick<WebUiContentOptions, "gpuCostPerHour" | "doubleCountGpuHours"> = {
    ...(flags.gpuCostPerHour === undefined ? {} : { gpuCostPerHour: flags.gpuCostPerHour }),
    ...(flags.doubleCountGpuHours ? { doubleCountGpuHours: true } : {}),
  };
  return {
    data: (content) => webUiJson(webUiContent({ ...content, ...counted })),
    choose: (content, options) =>
      pickWithWebUi({
        content: webUiContent({ ...content, ...counted }),
        ...options,
        listening: (url) => process.stderr.write(`Pick a configuration on ${url}\n`),
      }),
  };
}
