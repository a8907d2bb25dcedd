import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UserError } from "#common";
import { translateCommandLine } from "#src/profiler";
import { flagsOf } from "../../../src/profiler/config/command-lines.ts";
import { mistake } from "./read.ts";

const translated = (line: string) => translateCommandLine(line.split(" "));
const page = readFileSync(fileURLToPath(new URL("../../../docs/profiler-commands.md", import.meta.url)), "utf8");
const MODULES = {
  sla: "python -m benchmarks.profiler.profile_sla",
  later: "python3 -m dynamo.profiler.profile_sla",
  script: "python benchmarks/profiler/profile_sla.py",
  newest: "python3 -m dynamo.profiler",
  endpoint: "python -m benchmarks.profiler.profile_endpoint",
};

describe("command lines of the documents", () => {
  it("[R140] profile_sla's are ours, flag by flag", () => {
    expect(
      translated(
        `${MODULES.sla} --backend trtllm --config disagg.yaml --model Qwen/Qwen3-32B-FP8 --ttft 200 --itl 15 --isl 3000 --osl 150 --use-ai-configurator --aic-system h200_sxm --pick-with-webui --webui-port 8001`,
      ),
    ).toEqual({
      command: "profile",
      args: "--backend trtllm --config disagg.yaml --model Qwen/Qwen3-32B-FP8 --ttft 200 --itl 15 --isl 3000 --osl 150 --use-ai-configurator --aic-system h200_sxm --pick-with-webui --webui-port 8001".split(
        " ",
      ),
    });
    expect(translated(`${MODULES.later} --model m`)).toEqual({ command: "profile", args: ["--model", "m"] });
  });

  it("[R140] the script of the first documents asks for their generation, unless its flags are newer", () => {
    expect(translated(`${MODULES.script} --config disagg.yaml`).args).toEqual([
      "--config",
      "disagg.yaml",
      "--dialect",
      "0.3",
    ]);
    expect(translated(`${MODULES.script} --config disagg.yaml --use-ai-configurator`).args).not.toContain("0.3");
    expect(translated(`${MODULES.sla} --is-moe-model --model m`).args.slice(-2)).toEqual(["--dialect", "0.6"]);
  });

  it("[R141] [R142] dynamo.profiler has a spec and a few flags", () => {
    expect(
      translated(
        `${MODULES.newest} --config spec.yaml --output-dir out --deployment-timeout 600 --prefill-interpolation-granularity 8 --decode-interpolation-granularity 3 --dry-run`,
      ),
    ).toEqual({
      command: "profile",
      args: "--config spec.yaml --output-dir out --deployment-timeout 600 --prefill-interpolation-granularity 8 --decode-interpolation-granularity 3 --dry-run".split(
        " ",
      ),
    });
    expect(mistake(() => translated(`${MODULES.newest} --config spec.yaml --isl 5`)).code).toBe(
      "PROFILER_FOREIGN_FLAG",
    );
  });

  it("profile_endpoint's underscores become hyphens", () => {
    expect(
      translated(`${MODULES.endpoint} --mode decode --model_name m --num_gpus 1 --max_kv_tokens 1000 --url=http://h:1`),
    ).toMatchObject({
      command: "profile-endpoint",
      args: [
        "--mode",
        "decode",
        "--model-name",
        "m",
        "--num-gpus",
        "1",
        "--max-kv-tokens",
        "1000",
        "--url",
        "http://h:1",
      ],
    });
  });

  it("[R140] flags may be shortened as Python's argparse has it, and no further", () => {
    expect(translated(`${MODULES.sla} --min-num-gpus 1 --max-num-gpus=4 --model m`).args).toEqual([
      "--min-num-gpus-per-engine",
      "1",
      "--max-num-gpus-per-engine",
      "4",
      "--model",
      "m",
    ]);
    const error = mistake(() => translated(`${MODULES.sla} --aic-backen trtllm --model-cache-pvc x`));
    expect(error.message).toContain("ambiguous option");
    expect(mistake(() => translated(`${MODULES.sla} --modle m`)).hint).toContain("--model");
    expect(mistake(() => translated(`${MODULES.sla} --model`)).message).toBe("expected one argument");
    expect(mistake(() => translated(`${MODULES.sla} --dry-run=yes`)).message).toContain("ignored explicit argument");
    expect(mistake(() => translated(`${MODULES.sla} stray`)).message).toBe("unrecognized arguments");
  });

  it("refuses a program that is none of them, with what it may have meant", () => {
    const error = mistake(() => translated("python -m benchmarks.profiler.profile_slo --model m"));
    expect(error.code).toBe("PROFILER_FOREIGN_COMMAND");
    expect(error.hint).toContain("profile_sla");
    expect(mistake(() => translated("python train.py")).code).toBe("PROFILER_FOREIGN_COMMAND");
    expect(mistake(() => translated("bash -c true")).code).toBe("PROFILER_FOREIGN_COMMAND");
  });

  it.each(["profile_sla", "dynamo.profiler", "profile_endpoint"] as const)(
    "[R142] [R143] the docs' table has exactly the flags of %s that are translated",
    (tool) => {
      const section = page
        .split(/^## /m)
        .find((each) =>
          each.startsWith(tool === "profile_endpoint" ? "Flags of profile_endpoint" : "Flags of profile_sla"),
        )!;
      const marks = section
        .split("\n")
        .filter((line) => line.startsWith("| `--"))
        .map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()))
        .filter(
          (cells) =>
            tool === "profile_endpoint" || (tool === "dynamo.profiler" ? cells[5] : cells.slice(2, 5).join("")) !== "",
        )
        .map((cells) => /^`--([^ `]+)/.exec(cells[1]!)![1]!);
      const names = new Set(flagsOf(tool).map(({ name }) => name));
      expect(new Set(marks.map((name) => (tool === "profile_endpoint" ? name.replaceAll("-", "_") : name)))).toEqual(
        tool === "profile_endpoint" ? new Set([...names].map((name) => name.replaceAll("-", "_"))) : names,
      );
      if (tool === "profile_sla") expect(names).toContain("max-context-length");
    },
  );

  it("whatever words come, it answers or says what is wrong", () => {
    const word = fc.oneof(
      fc.constantFrom(
        "-m",
        "-u",
        "--model",
        "--config=x",
        "--",
        "benchmarks.profiler.profile_sla",
        "__proto__",
        "--__proto__",
      ),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 8 }), (words) => {
        try {
          translateCommandLine(["python", ...words]);
        } catch (error) {
          expect(error).toBeInstanceOf(UserError);
          expect((error as UserError).code).toMatch(/^PROFILER_FOREIGN_/);
        }
      }),
    );
  });
});
