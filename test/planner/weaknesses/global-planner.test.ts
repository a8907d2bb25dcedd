import { describe, expect, it, onTestFinished } from "vitest";
import { decideShared, IntentCache, type Role, type SharedFleet, type Targets } from "#planner/core";
import { temporaryFolder } from "../connectors/stores.ts";
import { MadeDeployment, MadePlatform, madeGlobalPlanner } from "../global/made-platform.ts";
import { seenFailing } from "./seen-failing.ts";

type Deployments = Record<string, MadeDeployment>;
type Band = [number | null, number | null];

/** What a claim asks of a global planner. */
interface Tried {
  platform: MadePlatform;
  ask(name: string, targets: Partial<Targets>): Promise<{ status: string }>;
  /** Ends, and begins anew over the same deployments. */
  restarted(): Promise<Tried>;
}

type Maker = (deployments: Deployments, band: Band) => Promise<Tried>;

/** The global planner of August 2026: its wishes live in the process, it reads all there is, and what fails later is logged. */
const older: Maker = async (deployments, band) => {
  const platform = new MadePlatform(deployments);
  const intents = new IntentCache(360_000);
  const [minGpus, maxGpus] = band;
  const readAll = async (): Promise<SharedFleet> => {
    const pools = [];
    for (const name of Object.keys(deployments)) {
      const state = (await platform.connector({ id: name }).state())!;
      for (const { role, desired, gpusPerReplica } of Object.values(state.roles)) {
        pools.push({ deployment: name, role, replicas: desired, gpusPerReplica: gpusPerReplica!, takesChanges: true });
      }
    }
    return { pools, otherGpus: 0 };
  };
  return {
    platform,
    async ask(name, targets) {
      const fleet = await readAll();
      intents.note(name, targets, 0);
      const request = { deployment: name, targets };
      const band = { minGpus, maxGpus };
      const decision = decideShared({ request, fleet, intents: intents.fresh(0), band, isStrict: true });
      if (decision.verdict === "denied") return { status: "rejected" };
      for (const [i, { deployment, targets: counts }] of decision.legs.entries()) {
        const outcome = await platform
          .connector({ id: deployment })
          .scale({ targets: counts, reason: "", decision: 0 });
        if (i === 0 && outcome.status !== "applied") return { status: "error" };
      }
      return { status: "success" };
    },
    restarted: () => older(deployments, band),
  };
};

/** Ours, with its state in a folder. */
const ours: Maker = async (deployments, band) => {
  const folder = temporaryFolder();
  onTestFinished(() => folder.remove());
  const run = async (): Promise<Tried> => {
    const { planner, platform, ask } = madeGlobalPlanner(deployments, { band, stateFolder: folder.path });
    await planner.start();
    return {
      platform,
      ask,
      async restarted() {
        await planner.stop();
        return run();
      },
    };
  };
  return run();
};

const three = () => new MadeDeployment({ prefill: 3, decode: 3 });

async function keepsWishes(make: Maker): Promise<void> {
  const before = await make({ a: three(), b: three() }, [null, 12]);
  expect(await before.ask("a", { decode: 4 })).toMatchObject({ status: "rejected" });
  const { ask, platform } = await before.restarted();
  await ask("b", { decode: 2 });
  expect(platform.deployments.a!.desired.decode, "the wish from before").toBe(4);
}

async function keepsTheCeiling(make: Maker): Promise<void> {
  const { ask, platform } = await make({ a: three(), b: three(), c: three() }, [null, 18]);
  const { a, b } = platform.deployments;
  for (const [name, decode] of [
    ["a", 1],
    ["b", 2],
  ] as const) {
    const deployment = platform.deployments[name]!;
    deployment.isReady = false;
    deployment.outcome = { status: "not-ready" };
    await ask(name, { decode });
    deployment.isReady = true;
    deployment.outcome = null;
  }
  b!.outcome = { status: "failed" };
  await ask("c", { decode: 6 });
  expect(a!.desired.decode).toBe(1);
  expect(platform.totalGpus, "GPUs asked for").toBeLessThanOrEqual(18);
}

async function readsWhoTakesPart(make: Maker): Promise<void> {
  const deployments = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`d${i}`, three()]));
  const { ask, platform } = await make(deployments, [null, 240]);
  await ask("d0", { decode: 2 });
  const reads = () => Object.values(platform.deployments).reduce((sum, each) => sum + each.reads, 0);
  const before = reads();
  await ask("d0", { decode: 3 });
  expect(reads() - before, "states read").toBe(1);
}

async function refusesAnEmptyBudget(make: Maker): Promise<void> {
  await expect((async () => make({ a: three() }, [9, 8]))(), "a floor above the ceiling").rejects.toThrow(
    /a floor of 9/,
  );
}

async function movesTowardsTheBand(make: Maker): Promise<void> {
  const { ask, platform } = await make({ a: three() }, [12, 16]);
  const roles: Role[] = ["decode", "prefill"];
  for (let i = 0; i < 6; i++) {
    const role = roles[i % 2]!;
    await ask("a", { [role]: platform.deployments.a!.desired[role]! + 1 });
  }
  expect(platform.totalGpus, "GPUs after six steps up").toBe(12);
}

describe("a global planner", () => {
  it.each([
    ["keeps wishes over a restart", keepsWishes],
    ["stays below the ceiling whichever step fails", keepsTheCeiling],
    ["reads for a request who takes part in it", readsWhoTakesPart],
    ["refuses a floor above its ceiling", refusesAnEmptyBudget],
    ["lets deployments below the floor come to it step by step", movesTowardsTheBand],
  ])("[W18 held] %s", (_, claim) => claim(ours));

  it.each([
    ["forgets wishes with its process", keepsWishes, /the wish from before/],
    ["exceeds the ceiling where a step fails that was to free GPUs", keepsTheCeiling, /GPUs asked for/],
    ["reads the whole cluster for each request", readsWhoTakesPart, /states read/],
    ["takes a floor above its ceiling, and denies everything", refusesAnEmptyBudget, /promise resolved/],
    ["keeps deployments below the floor where they are", movesTowardsTheBand, /GPUs after six steps up/],
  ] as const)("[W18 shown] %s", (_, claim, reason) => seenFailing(() => claim(older), reason));
});
