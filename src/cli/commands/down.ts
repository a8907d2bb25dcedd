import { rmSync } from "node:fs";
import { Command } from "commander";
import type { ControlClient, LocalDeployment } from "#planner/connectors";
import {
  type DeploymentFolder,
  endDeployment,
  holderOf,
  leftBehind,
  lockState,
  type StateFolder,
} from "#src/deployment";
import { progress } from "../progress.ts";
import { noSuchDeployment, severalDeployments } from "./up/errors.ts";
import { chosen, labelOf, stateFolder, type TargetFlags, withRunner, withTarget } from "./up/target.ts";

interface DownFlags extends TargetFlags {
  all?: true;
}

const LOOK_MS = 100;
/** What processes without a runner get to end what they have, ms. */
const GRACE_MS = 30_000;

/** `understudy down`: ends what runs, with or without its runner. */
export function downCommand(): Command {
  return withTarget(new Command("down"))
    .description("end what `understudy up` runs: drain it, end its processes, remove its state")
    .argument("[name...]", "deployments (default: the only one)")
    .option("--all", "all deployments")
    .addHelpText(
      "after",
      "\nWorks without a living runner, too: what one that was killed has left is found and ended.\n\nExamples:\n  $ understudy down\n  $ understudy down mocker-disagg\n  $ understudy down --all",
    )
    .action(async (names: string[], flags: DownFlags) => {
      const state = stateFolder(flags);
      if (holderOf(state) === null) await withoutRunner(state, names, flags);
      else await withRunner(state, (client) => throughRunner(state, client, names, flags));
    });
}

async function throughRunner(state: StateFolder, client: ControlClient, names: string[], flags: DownFlags) {
  const items = await client.deployments();
  const going = named(items, names, flags);
  for (const deployment of going) await client.remove(deployment);
  const bar = progress();
  for (const deployment of going) {
    for (let now = await still(client, state, deployment); now !== null; now = await still(client, state, deployment)) {
      bar.update(`${labelOf(deployment)}: ${now.replicas.length} replicas left`);
      await pause();
    }
    bar.done();
    process.stdout.write(`${labelOf(deployment)} has ended\n`);
  }
  if (going.length < items.length) return;
  // Without deployments the runner has nothing to do.
  while (holderOf(state) !== null) await pause();
}

/** Null where it is gone, or its runner, which goes when the last one has. */
async function still(
  client: ControlClient,
  state: StateFolder,
  deployment: LocalDeployment,
): Promise<LocalDeployment | null> {
  try {
    return await client.deployment(deployment, { deadlineMs: 0 });
  } catch (error) {
    if (holderOf(state) === null || state.deployments().length === 0) return null;
    throw error;
  }
}

function named(items: readonly LocalDeployment[], names: readonly string[], flags: DownFlags): LocalDeployment[] {
  if (names.length > 0) return names.map((name) => chosen(items, name, flags.namespace));
  const matching = items.filter(({ namespace }) => flags.namespace === undefined || namespace === flags.namespace);
  if (matching.length > 1 && !flags.all) throw severalDeployments(matching.map(labelOf), "name some, or say --all");
  return matching;
}

async function withoutRunner(state: StateFolder, names: readonly string[], flags: DownFlags): Promise<void> {
  const folders = state.exists ? state.deployments() : [];
  const labels = new Map(folders.map((folder) => [folder, labelOfFolder(folder)]));
  for (const name of names) {
    if (![...labels.values()].includes(name)) throw noSuchDeployment(name, [...labels.values()]);
  }
  const going = folders.filter((folder) => names.length === 0 || names.includes(labels.get(folder)!));
  if (going.length > 1 && names.length === 0 && !flags.all) {
    throw severalDeployments([...labels.values()], "name some, or say --all");
  }
  if (going.length === 0) {
    process.stdout.write("nothing runs\n");
    return;
  }
  const unlock = lockState(state);
  try {
    for (const folder of going) {
      const processes = leftBehind(folder);
      await endDeployment(folder, processes, GRACE_MS);
      process.stdout.write(`${labels.get(folder)} has ended: ${processes.length} processes were left of it\n`);
    }
    if (going.length === folders.length) rmSync(state.controlFile, { force: true });
  } finally {
    unlock();
  }
}

/** Damaged state is ended, too. */
function labelOfFolder(folder: DeploymentFolder): string {
  try {
    const plan = folder.readPlan();
    return plan === null ? folder.path : labelOf(plan);
  } catch {
    return folder.path;
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, LOOK_MS));
}
