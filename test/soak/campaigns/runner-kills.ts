import { type RandomStream, randomStream } from "#common";
import type { LocalDeployment } from "#planner/connectors";
import { waitFor } from "../../integration/processes.ts";
import { ask, manifest, RunningDeployment } from "../../integration/runner/running.ts";
import type { Campaign, CampaignControl, CampaignResult } from "../campaign.ts";

const VICTIMS = ["runner", "runner", "worker", "frontend", "planner"] as const;
/** A planner that looks on: nothing but what the campaign asks for changes the replicas. */
const PLANNER = [
  "--environment",
  "kubernetes",
  "--advisory",
  "--profile-results-dir",
  "h200-llama-3.1-8b-fp8-tp1-estimate",
];
/** Model time runs so much faster: back-off among others. */
const TIME_SCALE = "20";

/** What was asked for last, and acknowledged. */
interface Wanted {
  prefill: number;
  decode: number;
}

/** Kills at random moments: now and then right after a change was acknowledged, or while one is under way. */
export const campaign: Campaign = {
  name: "runner-kills",
  proves: "a deployment comes back to what was last acknowledged, and no process is left behind",
  cases: "kills of runner, workers, frontend and planner",
  sliceRuns: 5,
  soakRuns: 200,
  async run(count, seed, control = {}) {
    const running = RunningDeployment.create(manifest({ planner: PLANNER }), "--time-scale", TIME_SCALE);
    try {
      return await killed(running, count, seed, control);
    } finally {
      await running.close();
    }
  },
};

async function killed(
  running: RunningDeployment,
  count: number,
  seed: number,
  { signal, onProgress }: CampaignControl,
): Promise<CampaignResult> {
  const random = randomStream(seed, "runner kills");
  const wanted: Wanted = { prefill: 1, decode: 1 };
  let runs = 0;
  let last = await running.ready();
  while (runs < count && !signal?.aborted) {
    runs++;
    const victim = VICTIMS[random.integer(VICTIMS.length)]!;
    const told = `kill ${runs} (${victim}) of seed ${seed}`;
    try {
      await scaleSometimes(running, wanted, random);
      await new Promise((resolve) => setTimeout(resolve, random.integer(2) * random.next() * 1500));
      await kill(running, victim, last, random);
      last = await converged(running, wanted);
    } catch (error) {
      const view = JSON.stringify(await running.view());
      return { runs, failures: [`${told}: ${(error as Error).message}\n${view}\n${running.up.output.slice(-4000)}`] };
    }
    onProgress?.(runs);
  }
  const failures = await down(running);
  return { runs, failures };
}

async function scaleSometimes(running: RunningDeployment, wanted: Wanted, random: RandomStream): Promise<void> {
  if (random.next() < 0.5) return;
  const next = { prefill: 1 + random.integer(2), decode: 1 + random.integer(3) };
  await running.scale(next);
  Object.assign(wanted, next);
}

/** Of workers and the like one that was there at the last look; it may have gone since. */
async function kill(
  running: RunningDeployment,
  victim: (typeof VICTIMS)[number],
  last: LocalDeployment,
  random: RandomStream,
): Promise<void> {
  if (victim === "runner") {
    running.up.kill("SIGKILL");
    await running.up.exited;
    running.again();
    return;
  }
  const names = { worker: /^(prefill|decode)-/, frontend: /^frontend-/, planner: /^planner-/ };
  const pids = last.replicas.flatMap(({ name, pid }) => (names[victim].test(name) && pid !== null ? [pid] : []));
  try {
    process.kill(pids[random.integer(pids.length)]!, "SIGKILL");
  } catch {
    // It has been drained in between.
  }
}

/** Ready, as wanted, every process of the deployment belongs to a replica, and a request is answered. */
async function converged(running: RunningDeployment, wanted: Wanted): Promise<LocalDeployment> {
  const counts = [1, wanted.prefill, wanted.decode, 1];
  const isAsWanted = ({ ready, components, replicas }: LocalDeployment) =>
    ready &&
    components.every(({ replicas: n, readyReplicas }, i) => n === counts[i] && readyReplicas === n) &&
    replicas.length === counts.reduce((sum, n) => sum + n);
  let view = await running.until(`${counts.join(", ")} ready replicas`, isAsWanted);
  await waitFor(
    "every process to belong to a replica",
    async () => {
      view = (await running.view()) ?? view;
      const known = new Set(view.replicas.map(({ pid }) => pid));
      const found = running.processes();
      return isAsWanted(view) && found.length === known.size && found.every((pid) => known.has(pid));
    },
    60_000,
  );
  await answered(view);
  return view;
}

/** @throws Error with what came instead, and what the frontend knows of workers */
async function answered({ frontendUrl }: LocalDeployment): Promise<void> {
  let outcome = "";
  try {
    const isAnswered = async () => {
      outcome = await ask(frontendUrl!);
      return outcome === "answered";
    };
    await waitFor("an answer", isAnswered, 60_000);
  } catch (error) {
    const workers = await fetch(`${frontendUrl}/workers`).then((response) => response.text(), String);
    throw new Error(`${(error as Error).message}: ${outcome}; workers: ${workers}`);
  }
}

async function down(running: RunningDeployment): Promise<string[]> {
  running.up.kill("SIGTERM");
  const { code } = await running.up.exited;
  const left = running.processes();
  return code === 0 && left.length === 0
    ? []
    : [`at the end: exit code ${code}, processes ${left.join(", ")} are left`];
}
