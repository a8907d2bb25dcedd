import { Command, Option } from "commander";
import { share, wholeNumber } from "../values.ts";
import { packagePoint } from "./estimate/package-point.ts";
import { nativePoint, pointOf } from "./estimate/point.ts";
import { printPoint } from "./estimate/print-point.ts";
import { printSupported } from "./estimate/supported.ts";

export interface EstimateFlags {
  supported?: true;
  model?: string;
  gpu?: string;
  backend?: "vllm" | "sglang" | "trtllm";
  backendVersion?: string;
  tp?: number;
  parallelism?: string;
  isl?: number;
  osl?: number;
  batch?: number;
  context?: number;
  prefix?: number;
  memoryFraction?: number;
  maxBatchedTokens?: number;
  gemm?: string;
  moe?: string;
  kvcache?: string;
  fmha?: string;
  estimator: "built-in" | "aiconfigurator";
  python: string;
  sanitise: boolean;
  ops?: true;
  json?: true;
}

/** `understudy estimate`: what an engine would do, without one. */
export function estimateCommand(): Command {
  const command = new Command("estimate")
    .description("TTFT, ITL, memory and KV capacity of an engine, estimated without GPUs")
    .option("--model <id|dir>", "Hugging Face id, or a folder with a config.json")
    .option("--gpu <system>", "GPU system, such as h200_sxm")
    .addOption(new Option("--backend <name>", "whose kernels").choices(["vllm", "sglang", "trtllm"]))
    .option("--backend-version <version>", "of its measurements (default: the newest well-covered one)")
    .option("--tp <n>", "GPUs of the engine, split by tensors: --parallelism tpN", wholeNumber("--tp", 1))
    .option("--parallelism <layout>", "tp4, tep8 or dep8")
    .option("--isl <tokens>", "prompt length", wholeNumber("--isl", 1))
    .option("--osl <tokens>", "output length, over which ITL is averaged", wholeNumber("--osl", 1))
    .option("--batch <n>", "requests that decode at once on the engine", wholeNumber("--batch", 1))
    .option("--context <tokens>", "ITL of one step at this context instead", wholeNumber("--context", 1))
    .option("--prefix <tokens>", "prompt tokens that are cached", wholeNumber("--prefix"))
    .option("--memory-fraction <share>", "of GPU memory, in the backend's sense", share("--memory-fraction"))
    .option("--max-batched-tokens <n>", "tokens of a pass at most", wholeNumber("--max-batched-tokens", 1));
  for (const [flag, what] of [
    ["--gemm", "weights"],
    ["--moe", "expert weights"],
    ["--kvcache", "KV cache"],
    ["--fmha", "attention of prompts"],
  ]) {
    command.option(`${flag} <format>`, `number format of ${what}, such as fp8 (default: the checkpoint's)`);
  }
  return command
    .addOption(
      new Option("--estimator <name>", "who estimates").choices(["built-in", "aiconfigurator"]).default("built-in"),
    )
    .option("--python <path>", "Python that has aiconfigurator", "python3")
    .option("--no-sanitise", "keep the known artefacts of the source's tables")
    .option("--ops", "every operation with where its time comes from")
    .option("--supported", "list models, GPUs and backends that are covered; --model, --gpu and --backend filter")
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Every number says where it comes from: table (measured kernels of this GPU and backend), scaled (those of
another one) or analytic (a roofline with fitted efficiencies).

Examples:
  $ understudy estimate --model Qwen/Qwen3-32B --gpu h200_sxm --tp 4 --isl 4096 --batch 32
  $ understudy estimate --model deepseek-ai/DeepSeek-V3 --gpu b200 --backend sglang --parallelism dep8 --isl 3000 --osl 500 --batch 256 --ops
  $ understudy estimate --supported --gpu h200_sxm --backend trtllm`,
    )
    .action(async (flags: EstimateFlags) => {
      if (flags.supported) {
        printSupported(flags);
        return;
      }
      const asked = pointOf(flags);
      const answer = flags.estimator === "built-in" ? nativePoint(asked) : await packagePoint(asked, flags.python);
      printPoint(answer, flags);
    });
}
