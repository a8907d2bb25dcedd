import { readFileSync } from "node:fs";
import { Command, Option } from "commander";
import { parse } from "yaml";
import { UserError } from "#common";
import { ROUTER_MODES } from "#mocker/router";
import { plannerConfigSchema } from "#planner/core";
import { readScenario, scenarioWorkload, type Workload } from "#scenarios";
import type { Backend } from "#src/estimator";
import { needsSameTp } from "#src/profiler";
import { poolSpec, prepareRehearsal, type Rehearsal } from "#src/rehearsal";
import { plural } from "#src/report";
import {
  type DeploymentSpace,
  deploymentAxes,
  deploymentOverrides,
  type EngineLayout,
  searchDeployments,
  staticCandidates,
} from "#src/study";
import { flagNeeds } from "../errors.ts";
import { loadScenario } from "../rehearse.ts";
import { checkStudyFlags, withStudyFlags } from "../sweep/flags.ts";
import { type TriedLayouts, triedLayouts } from "../sweep/layouts.ts";
import { runStudy, type StudyFlags } from "../sweep/run.ts";
import { share, wholeNumber } from "../values.ts";

interface SearchFlags extends StudyFlags {
  gpus: number;
  floor: number;
  modes: ("agg" | "disagg")[];
  routers: string[];
  model?: string;
  gpu?: string;
  backend: Backend;
  tp?: number[];
  tep?: number[];
  dep?: number[];
}

/** How an engine is spread over GPUs, as the estimator's labels begin. */
const KINDS = ["tp", "tep", "dep"] as const;

/** `understudy search`: the best deployment that stays as it is, for a scenario's traffic. */
export function searchCommand(): Command {
  const command = new Command("search")
    .description(
      "search the best fixed deployment for a scenario's traffic: layout × workers × mode × router under a GPU budget",
    )
    .argument("<scenario>", "scenario file (YAML): traffic, SLA, and settings of engines; its planner is left out")
    .requiredOption("--gpus <n>", "GPUs of a deployment, at most", wholeNumber("--gpus", 1))
    .option("--floor <share>", "SLA attainment that it must keep", share("--floor"), 0.99)
    .addOption(
      new Option("--modes <list>", "agg, disagg, or both with a comma between")
        .argParser(modes)
        .default(["agg", "disagg"], "agg,disagg"),
    )
    .addOption(
      new Option("--routers <list>", `with commas between them: ${ROUTER_MODES.join(", ")}`)
        .argParser(routers)
        .default(["least-loaded"], "least-loaded"),
    )
    .option("--model <id>", "engines by the estimator's times instead of the scenario's: a Hugging Face id or a folder")
    .option("--gpu <system>", "with --model: such as h200_sxm")
    .addOption(new Option("--backend <backend>", "with --model").choices(["vllm", "sglang", "trtllm"]).default("vllm"))
    .option(
      "--tp <list>",
      "with --model: engines split over so many GPUs, such as 1,2,4,8 (default: all layouts that the model allows)",
      sizes("--tp"),
    )
    .option("--tep <list>", "the same with experts spread over the GPUs, such as 4,8", sizes("--tep"))
    .option("--dep <list>", "the same with requests of its own for each GPU (attention DP) as well", sizes("--dep"))
    .addHelpText(
      "after",
      `
Deployments are tried from the smallest up, and given up as soon as they can't keep the floor or can't be the best any more.

Examples:
  $ understudy search my.yaml --gpus 8
  $ understudy search my.yaml --gpus 16 --model Qwen/Qwen3-32B --gpu h200_sxm --tp 1,2,4,8 --routers least-loaded,kv
  $ understudy search my.yaml --gpus 16 --model Qwen/Qwen3-30B-A3B --gpu h200_sxm --tp 2,4 --tep 4 --dep 4,8
  $ understudy search my.yaml --gpus 32 --modes disagg --floor 0.95 -o results/search`,
    )
    .action(async (file: string, flags: SearchFlags, self: Command) => {
      checkStudyFlags(flags, self);
      process.exitCode = await search(file, flags, self);
    });
  return withStudyFlags(command);
}

async function search(file: string, flags: SearchFlags, command: Command): Promise<number> {
  checkEngineFlags(flags, command);
  const scenario = loadScenario(file);
  const own = flags.model === undefined ? prepareRehearsal({ ...scenario, planner: null }) : null;
  const workload = own?.workload ?? scenarioWorkload(scenario);
  const base = (parse(readFileSync(file, "utf8")) as { deployment: Record<string, unknown> }).deployment;
  const { space, leftOut } = own === null ? estimatedSpace(file, base, flags, workload) : ownSpace(flags, own);
  if (!flags.quiet) for (const { layout, reason } of leftOut) process.stderr.write(`left out: ${layout} (${reason})\n`);
  const candidates = staticCandidates(space);
  if (candidates.length === 0) throw tooFewGpus(space);
  const seconds = Math.min(workload.horizonMs, scenario.endMs ?? Number.POSITIVE_INFINITY) / 1000;
  const isGoodput = /^(max:)?goodputPerGpu$/.test(flags.goal);
  const bounds = { requests: workload.count, seconds: isGoodput ? seconds : 0 };
  const without = leftOut.length === 0 ? "" : `, without ${leftOut.map(({ layout }) => layout).join(", ")}`;
  const floored = { ...flags, where: [...(flags.where ?? []), `slaAttainment>=${flags.floor}`] };
  return runStudy(scenario, floored, {
    kind: "search",
    method: `search among ${plural(candidates.length, "deployment")} of up to ${plural(flags.gpus, "GPU")}${without}`,
    axes: deploymentAxes(candidates),
    proposals: searchDeployments(candidates, flags.seeds ?? [null], flags.floor, bounds),
    overridesOf: (candidate) => deploymentOverrides(base, space, candidate),
    coversAxes: false,
  });
}

function checkEngineFlags({ model, gpu }: SearchFlags, command: Command): void {
  if (model !== undefined) {
    if (gpu === undefined) throw flagNeeds("model", "--gpu");
    return;
  }
  for (const name of ["gpu", "backend", ...KINDS])
    if (command.getOptionValueSource(name) === "cli") throw flagNeeds(name, "--model");
}

interface Space {
  space: DeploymentSpace;
  leftOut: TriedLayouts["leftOut"];
}

/** Deployments of the scenario's own engines. */
function ownSpace({ gpus: maxGpus, modes: wanted, routers }: SearchFlags, own: Rehearsal): Space {
  const layouts = [{ layout: null, gpus: ownGpus(own) }];
  return { space: { maxGpus, modes: wanted, routers, layouts, engines: null }, leftOut: [] };
}

/** Deployments of the estimator's engines. @throws UserError where it knows none for the model */
function estimatedSpace(
  file: string,
  base: Readonly<Record<string, unknown>>,
  flags: SearchFlags,
  { isl, count }: Workload,
): Space {
  const { gpus: maxGpus, modes: wanted, routers } = flags;
  const [gpu, engines] = [flags.gpu!, { model: flags.model!, gpu: flags.gpu!, backend: flags.backend }];
  const asked = KINDS.flatMap((kind) => (flags[kind] ?? []).map((gpus) => `${kind}${gpus}`));
  const { layouts, leftOut } = triedLayouts({
    gpu,
    maxGpus,
    asked: asked.length === 0 ? null : asked,
    promptTokens: Math.max(1, Math.round(isl.reduce((sum, tokens) => sum + tokens, 0) / Math.max(1, count))),
    scenarioOf: (layout) => {
      const values = ["disagg", layout, 1, layout, 1, routers[0]!];
      const set = deploymentOverrides(base, { engines, layouts: [] }, { values });
      return readScenario(file, { plannerSchema: plannerConfigSchema, set });
    },
  });
  const sameTp = needsSameTp(flags.backend);
  return { space: { maxGpus, modes: wanted, routers, layouts, sameTp, engines }, leftOut };
}

/** GPUs of the scenario's own workers, in either role: a pool that it does not have is made of the one that it has. */
function ownGpus({ scenario, profile }: Rehearsal): EngineLayout["gpus"] {
  const { deployment } = scenario;
  const apart = { ...deployment, prefill: deployment.prefill ?? deployment.decode };
  return {
    prefill: poolSpec(apart, "prefill", profile).gpusPerWorker,
    decode: poolSpec(apart, "decode", profile).gpusPerWorker,
  };
}

function modes(text: string): string[] {
  const found = text.split(",");
  if (found.every((mode) => mode === "agg" || mode === "disagg")) return [...new Set(found)];
  throw usage("--modes", text, "agg, disagg, or agg,disagg");
}

function routers(text: string): string[] {
  const found = text.split(",");
  const known: readonly string[] = ROUTER_MODES;
  if (found.every((mode) => known.includes(mode))) return [...new Set(found)];
  throw usage("--routers", text, `${ROUTER_MODES.join(", ")}, with commas between them`);
}

function sizes(flag: string): (text: string) => number[] {
  return (text) => {
    const found = text.split(",").map(Number);
    if (found.every((size) => Number.isInteger(size) && size > 0)) return [...new Set(found)];
    throw usage(flag, text, "whole numbers with commas between them");
  };
}

function tooFewGpus({ maxGpus, modes: wanted, layouts }: DeploymentSpace): UserError {
  const least = Math.min(
    ...layouts.flatMap(({ gpus: { prefill, decode } }) =>
      wanted.map((mode) => (mode === "agg" ? decode : prefill + decode)),
    ),
  );
  return new UserError({
    code: "CLI_USAGE",
    where: "--gpus",
    message: `found ${maxGpus}, expected at least ${least}: the smallest deployment of ${wanted.join(" or ")} needs so many`,
  });
}

function usage(where: string, text: string, expected: string): UserError {
  return new UserError({ code: "CLI_USAGE", where, message: `found ${JSON.stringify(text)}, expected ${expected}` });
}
