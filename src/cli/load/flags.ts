import { type Command, InvalidArgumentError, Option } from "commander";
import { parseDurationMs, UserError } from "#common";
import { rowsInMemoryOption } from "../rows-flag.ts";
import { positiveNumber, several, share, wholeNumber } from "../values.ts";

/** Flags of `understudy load`, by commander's names. */
export interface LoadFlags {
  url: string;
  model?: string;
  endpointType: "chat" | "completions";
  streaming: boolean;
  apiKey?: string;
  header?: string[];
  extraInputs?: string[];
  maxCompletionTokens?: true;
  concurrency?: number;
  requestRate?: number;
  requestRateMode: "poisson" | "constant" | "gamma";
  burstiness: number;
  requestCount?: number;
  benchmarkDuration?: number;
  warmupRequestCount: number;
  isl: number;
  syntheticInputTokensMean?: number;
  syntheticInputTokensStddev: number;
  osl: number;
  outputTokensMean?: number;
  outputTokensStddev: number;
  numPrefixPrompts?: number;
  prefixPromptLength?: number;
  sessionTurnsMean: number;
  sessionTurnsStddev: number;
  sessionTurnDelayMean: number;
  sessionTurnDelayStddev: number;
  traffic?: string;
  scenario?: string;
  inputFile?: string;
  customDatasetType: "mooncake_trace" | "single_turn";
  fixedSchedule?: true;
  speedup?: number;
  traceBlockSize?: number;
  tokenizer: string;
  promptFormat: "text" | "ids";
  randomSeed?: number;
  ttft?: number;
  itl?: number;
  goodput?: string;
  cancelShare: number;
  requestTimeout: number;
  workers: number;
  timeScale: number;
  requestStartHeader?: true;
  rowsInMemory: number;
  artifactDir?: string;
  report: boolean;
  format: "aiperf" | "vllm";
  json?: true;
  quiet?: true;
}

function number(flag: string, least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== "" && Number.isFinite(value) && value >= least) return value;
    throw new InvalidArgumentError(`${flag} takes a number of ${least} or more.`);
  };
}

/** A duration in ms; a bare number is in `bare`'s unit where the flag has one (AIPerf's do). */
function durationMs(flag: string, bare?: "s" | "ms"): (text: string) => number {
  return (text) => {
    try {
      const ms = parseDurationMs(bare !== undefined && /^[\d.]+$/.test(text.trim()) ? `${text}${bare}` : text, flag);
      if (ms > 0) return ms;
    } catch (error) {
      if (error instanceof UserError) throw new InvalidArgumentError(`${error.message}.`);
      throw error;
    }
    throw new InvalidArgumentError(`${flag} takes a duration above 0.`);
  };
}

/** Adds the flags; names follow AIPerf's where it has one. */
export function withLoadFlags(command: Command): Command {
  const choice = (flags: string, description: string, choices: string[], preset: string) =>
    new Option(flags, description).choices(choices).default(preset);
  return command
    .optionsGroup("Target:")
    .requiredOption("-u, --url <url>", "address of an OpenAI-compatible server, such as http://127.0.0.1:8000")
    .option("-m, --model <name>", "model to ask for (default: the one that the server lists)")
    .addOption(choice("--endpoint-type <type>", "endpoint", ["chat", "completions"], "chat"))
    .option("--streaming", "stream responses (this is the default)", true)
    .option("--no-streaming", "ask for whole responses")
    .addOption(new Option("--api-key <key>", "bearer token").env("OPENAI_API_KEY"))
    .option("-H, --header <name:value>", "header of every request (repeatable)", several)
    .option("--extra-inputs <key:value>", "member of every request's body, or a JSON object (repeatable)", several)
    .option("--max-completion-tokens", "send the output length under this name instead of max_tokens")
    .optionsGroup("Load (one of rate, concurrency, trace, traffic):")
    .option("--concurrency <n>", "closed loop: sessions in flight (default: 1)", wholeNumber("--concurrency", 1))
    .option("--request-rate <rate>", "open loop: requests (sessions) per second", positiveNumber("--request-rate"))
    .addOption(
      choice("--request-rate-mode <mode>", "how arrivals scatter", ["poisson", "constant", "gamma"], "poisson"),
    )
    .option(
      "--burstiness <shape>",
      "of gamma arrivals: 1 is Poisson, less is burstier",
      positiveNumber("--burstiness"),
      0.5,
    )
    .option("--request-count <n>", "requests (sessions) in all", wholeNumber("--request-count", 1))
    .option("--benchmark-duration <duration>", "nothing is sent after this", durationMs("--benchmark-duration", "s"))
    .option("--warmup-request-count <n>", "requests sent before, unmeasured", wholeNumber("--warmup-request-count"), 0)
    .option("--traffic <yaml>", "traffic as a scenario has it: any shape, or a list of them")
    .option("--scenario <file>", "the traffic, SLA and seed of a scenario file")
    .option("--input-file <file>", "a trace or prompts, JSONL")
    .addOption(
      choice(
        "--custom-dataset-type <type>",
        "what the input file is",
        ["mooncake_trace", "single_turn"],
        "mooncake_trace",
      ),
    )
    .option("--fixed-schedule", "send a trace at its own times (the default without a rate or concurrency)")
    .option("--speedup <factor>", "divides the trace's times", positiveNumber("--speedup"))
    .option(
      "--trace-block-size <tokens>",
      "tokens a hash id stands for (default: 512)",
      wholeNumber("--trace-block-size", 1),
    )
    .optionsGroup("Contents:")
    .option("--isl <tokens>", "mean prompt length", wholeNumber("--isl", 1), 550)
    .addOption(
      new Option("--synthetic-input-tokens-mean <tokens>", "as --isl")
        .argParser(wholeNumber("--synthetic-input-tokens-mean", 1))
        .hideHelp(),
    )
    .option(
      "--synthetic-input-tokens-stddev <tokens>",
      "its standard deviation",
      number("--synthetic-input-tokens-stddev", 0),
      0,
    )
    .option("--osl <tokens>", "mean output length", wholeNumber("--osl", 1), 128)
    .addOption(
      new Option("--output-tokens-mean <tokens>", "as --osl")
        .argParser(wholeNumber("--output-tokens-mean", 1))
        .hideHelp(),
    )
    .option("--output-tokens-stddev <tokens>", "its standard deviation", number("--output-tokens-stddev", 0), 0)
    .option("--num-prefix-prompts <n>", "shared system prompts", wholeNumber("--num-prefix-prompts", 1))
    .option(
      "--prefix-prompt-length <tokens>",
      "length of a shared system prompt, part of the prompt's length",
      wholeNumber("--prefix-prompt-length", 1),
    )
    .option("--session-turns-mean <n>", "turns of a session", number("--session-turns-mean", 1), 1)
    .option("--session-turns-stddev <n>", "its standard deviation", number("--session-turns-stddev", 0), 0)
    .option("--session-turn-delay-mean <ms>", "wait before a later turn, ms", number("--session-turn-delay-mean", 0), 0)
    .option("--session-turn-delay-stddev <ms>", "its standard deviation", number("--session-turn-delay-stddev", 0), 0)
    .option("--tokenizer <name>", "builtin, or a tokenizer.json (or its folder)", "builtin")
    .addOption(choice("--prompt-format <format>", "ids are for completions alone", ["text", "ids"], "text"))
    .option("--random-seed <n>", "seed of everything random (default: 1)", wholeNumber("--random-seed"))
    .optionsGroup("Limits:")
    .option("--ttft <duration>", "SLA: time to first token of a good request", durationMs("--ttft"))
    .option("--itl <duration>", "SLA: mean inter-token latency of a good request", durationMs("--itl"))
    .option("--goodput <limits>", 'limits of a good request: "time_to_first_token:250 inter_token_latency:10"')
    .addOption(
      new Option("--request-timeout <duration>", "a request that takes longer has failed")
        .argParser(durationMs("--request-timeout", "s"))
        .default(600_000, "10m"),
    )
    .option("--cancel-share <share>", "requests that are cancelled at a random token, 0..1", share("--cancel-share"), 0)
    .optionsGroup("The generator itself:")
    .option("--workers <n>", "threads that share the load", wholeNumber("--workers", 1), 1)
    .option(
      "--time-scale <k>",
      "all times k times as fast; results are in model time",
      positiveNumber("--time-scale"),
      1,
    )
    .option("--request-start-header", "send X-Request-Start, for servers that trust it")
    .addOption(rowsInMemoryOption())
    .optionsGroup("Output:")
    .option("--artifact-dir <dir>", "where files go (default: artifacts/<model>-openai-<endpoint>-<load>)")
    .option("--no-report", "write no files")
    .addOption(choice("--format <format>", "of the table", ["aiperf", "vllm"], "aiperf"))
    .option("--json", "print profile_export_aiperf.json instead of a table")
    .option("--quiet", "print nothing but errors");
}
