import { Command, Option } from "commander";
import { formatDuration } from "#common";
import { type EndpointOptions, type EndpointResult, profileEndpoint } from "#src/profiler";
import { EXIT_INTERRUPTED } from "../errors.ts";
import { progress } from "../progress.ts";
import { positiveNumber, wholeNumber } from "../values.ts";
import { packageVersion } from "../version.ts";

interface EndpointFlags {
  mode?: "prefill" | "decode";
  url?: string;
  model?: string;
  modelName?: string;
  tokenizerPath?: string;
  numGpus?: number;
  maxKvTokens?: number;
  workDir?: string;
  maxContextLength?: number;
  interpolationGranularity?: number;
  attentionDpSize?: number;
  apiKey?: string;
  timeScale?: number;
  wholeRuns?: true;
  correctBurst?: true;
  forceRerun?: true;
  randomSeed?: number;
  json?: true;
  quiet?: true;
}

/** Defaults of Dynamo's `profile_endpoint`. */
const DEFAULTS = {
  maxKvTokens: 0,
  workDir: "endpoint_profiling_results/",
  maxContextLength: 16_384,
  interpolationGranularity: 8,
  attentionDpSize: 1,
} as const;

/** `understudy profile-endpoint`: one half of a profile from a running engine. */
export function profileEndpointCommand(): Command {
  const command = new Command("profile-endpoint").description(
    "measure one running OpenAI endpoint: TTFT over prompt length, or ITL over KV usage and context length",
  );
  const add = (option: Option) => {
    command.addOption(option);
    // As Dynamo's profile_endpoint writes its flags.
    const long = option.long!.slice(2);
    if (!long.includes("-")) return;
    const alias = new Option(option.flags.replace(`--${long}`, `--${long.replaceAll("-", "_")}`)).hideHelp();
    if (option.parseArg !== undefined) alias.argParser(option.parseArg);
    command.addOption(alias);
  };
  const count = (flag: string, least: number) => wholeNumber(flag, least);
  add(new Option("--mode <mode>", "what to measure").choices(["prefill", "decode"]));
  add(new Option("--url <url>", "address of an OpenAI-compatible server, such as http://127.0.0.1:8000"));
  add(new Option("--model-name <name>", "model to ask for (default: the one that the server lists)"));
  add(new Option("--model <name>", "the same").hideHelp());
  add(new Option("--tokenizer-path <path>", "its tokenizer.json, or the folder (default: built in)"));
  add(new Option("--num-gpus <n>", "GPUs of the engine").argParser(count("--num-gpus", 1)));
  add(
    new Option("--max-kv-tokens <tokens>", "its KV capacity, which decode needs (default: 0)").argParser(
      count("--max-kv-tokens", 0),
    ),
  );
  add(new Option("--work-dir <dir>", `where files go (default: ${DEFAULTS.workDir})`));
  add(
    new Option(
      "--max-context-length <tokens>",
      `longest context to sample (default: ${DEFAULTS.maxContextLength})`,
    ).argParser(count("--max-context-length", 1)),
  );
  add(
    new Option(
      "--interpolation-granularity <n>",
      `points on each axis (default: ${DEFAULTS.interpolationGranularity})`,
    ).argParser(count("--interpolation-granularity", 1)),
  );
  add(
    new Option("--attention-dp-size <n>", "ranks that take requests of their own (default: 1)").argParser(
      count("--attention-dp-size", 1),
    ),
  );
  return command
    .addOption(new Option("--api-key <key>", "bearer token").env("OPENAI_API_KEY"))
    .option("--time-scale <k>", "the server's time goes k times as fast", positiveNumber("--time-scale"))
    .option("--whole-runs", "ITL of whole runs, as AIPerf's, instead of that of the full batch")
    .option("--correct-burst", "TTFT of a burst without its decode steps, as Dynamo's profiler has it since 1.0")
    .option("--force-rerun", "measure again what an earlier run has left")
    .option("--random-seed <n>", "of the prompts (default: another one each time)", wholeNumber("--random-seed"))
    .option("--json", "print what was measured as JSON")
    .option("--quiet", "no progress on stderr")
    .addHelpText(
      "after",
      `
Decode needs prefix caching: prompts are sent twice, and only the second time is measured. Prefill wants none.
With the same --work-dir for both modes the second one writes profile.json, which understudy mocker --profile takes.
What is measured stays: after Ctrl-C the same command goes on where it stopped.

Examples:
  $ understudy profile-endpoint --mode prefill --url http://127.0.0.1:8000 --model-name llama --num-gpus 1
  $ understudy profile-endpoint --mode decode --url http://127.0.0.1:8000 --model-name llama --num-gpus 1 --max-kv-tokens 643891
  $ understudy profile-endpoint --mode decode --url http://127.0.0.1:8000 --num-gpus 8 --attention-dp-size 8 --max-kv-tokens 2600000 --work-dir dep8`,
    )
    .action(async (given: Record<string, unknown>) => {
      process.exitCode = await run(command, hyphenated(given));
    });
}

/** Values of underscored flags under the names of the others. */
function hyphenated(given: Record<string, unknown>): EndpointFlags {
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => [
      name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
      value,
    ]),
  );
}

async function run(command: Command, flags: EndpointFlags): Promise<number> {
  for (const name of ["mode", "url", "numGpus"] as const) {
    if (flags[name] === undefined) {
      const flag = command.options.find((option) => option.attributeName() === name)!;
      command.error(`error: required option '${flag.flags}' not specified`);
    }
  }
  const interrupted = new AbortController();
  // Once: a second Ctrl-C ends the process at once.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => interrupted.abort());
  const talk = flags.quiet ? () => {} : (text: string) => process.stderr.write(`${text}\n`);
  const bar = flags.quiet ? null : progress();
  const startMs = performance.now();
  const result = await profileEndpoint({
    ...optionsOf(flags),
    signal: interrupted.signal,
    onWarning: (text) => {
      bar?.done();
      process.stderr.write(`warning: ${text}\n`);
    },
    onProgress: ({ done, total, point, outcome }) => {
      if (outcome === undefined) {
        bar?.update(`${done} of ${total} points, ${point}${remaining(done, total, startMs)}`);
      } else {
        bar?.done();
        talk(`${String(done).padStart(String(total).length)}/${total}  ${point}: ${outcome}`);
      }
    },
  }).finally(() => bar?.done());
  return report(result, flags, talk);
}

function optionsOf(flags: EndpointFlags): Omit<EndpointOptions, "signal"> {
  const { modelName, model = modelName } = flags;
  return {
    mode: flags.mode!,
    url: flags.url!,
    numGpus: flags.numGpus!,
    maxKvTokens: flags.maxKvTokens ?? DEFAULTS.maxKvTokens,
    workDir: flags.workDir ?? DEFAULTS.workDir,
    maxContextLength: flags.maxContextLength ?? DEFAULTS.maxContextLength,
    granularity: flags.interpolationGranularity ?? DEFAULTS.interpolationGranularity,
    attentionDpSize: flags.attentionDpSize ?? DEFAULTS.attentionDpSize,
    wholeRuns: flags.wholeRuns ?? false,
    correctBurst: flags.correctBurst ?? false,
    forceRerun: flags.forceRerun ?? false,
    tool: `llm-understudy ${packageVersion()}`,
    now: () => new Date(),
    ...(model === undefined ? {} : { model }),
    ...(flags.tokenizerPath === undefined ? {} : { tokenizerPath: flags.tokenizerPath }),
    ...(flags.apiKey === undefined ? {} : { apiKey: flags.apiKey }),
    ...(flags.timeScale === undefined ? {} : { timeScale: flags.timeScale }),
    ...(flags.randomSeed === undefined ? {} : { seed: flags.randomSeed }),
  };
}

/** `, about 2 min left`, once there is something to go by. */
function remaining(done: number, total: number, startMs: number): string {
  if (done === 0) return "";
  return `, about ${formatDuration(((performance.now() - startMs) / done) * (total - done))} left`;
}

function report(result: EndpointResult, flags: EndpointFlags, talk: (text: string) => void): number {
  const { prefill, decode, measured, total, interrupted, files, model, mode } = result;
  if (flags.json) {
    const samples = prefill === undefined ? { decode } : { prefill };
    process.stdout.write(
      `${JSON.stringify({ mode, model, ...samples, measured, total, interrupted, files }, null, 2)}\n`,
    );
  } else {
    for (const file of files) process.stdout.write(`${file}\n`);
  }
  if (interrupted) {
    talk(`interrupted: ${measured} of ${total} points are kept; the same command goes on from there`);
    return EXIT_INTERRUPTED;
  }
  return measured === 0 ? 1 : 0;
}
