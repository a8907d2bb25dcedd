import type { DeploymentKey } from "#planner/connectors";
import type { Runner, RunPlan, StateFolder } from "#src/deployment";
import { checkFrontendPort, endDeployment, leftBehind, lockState, startControlledRunner } from "#src/deployment";
import type { Screen } from "./screen.ts";

/** Where the deployments come from that are to run. */
export interface RunSource {
  /** Those that there are at the start: processes of others are ended. */
  readonly wanted: readonly DeploymentKey[];
  /** Whether there is nothing left to do when the last one has been removed. */
  readonly endsWithLast: boolean;
  start(): Promise<void>;
  /** Before the processes end: nothing begins any more. */
  end?(): void;
  /** After they have. */
  close?(): Promise<void>;
}

export interface RunOptions {
  state: StateFolder;
  source: (runner: Runner) => Promise<RunSource>;
  timeScale: number;
  frontendPort: number | null;
  screen: Screen;
}

/** The deployments of manifests. */
export function planSource(plans: readonly RunPlan[]): RunOptions["source"] {
  return async (runner) => ({
    wanted: plans,
    endsWithLast: true,
    async start() {
      for (const plan of plans) await runner.apply(plan);
    },
  });
}

/** What strays of an earlier runner get to end what they have, ms. */
const STRAY_GRACE_MS = 30_000;

/** Runs until a signal ends it, or somebody has removed all there was. A second signal ends it at once. */
export async function runDeployments({ state, source, timeScale, frontendPort, screen }: RunOptions): Promise<void> {
  const unlock = lockState(state);
  const end = Promise.withResolvers<"removed" | "signal">();
  const kill = Promise.withResolvers<void>();
  let signals = 0;
  const onSignal = () => (++signals === 1 ? end.resolve("signal") : kill.resolve());
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, onSignal);
  try {
    const controlled = await startControlledRunner({
      ...{ state, timeScale, frontendPort },
      onRemoved: () => {
        if (deployments.endsWithLast && controlled.runner.views().length === 0) end.resolve("removed");
      },
    });
    const { runner } = controlled;
    let deployments: RunSource;
    try {
      deployments = await source(runner);
      await endStrays(state, deployments.wanted, screen);
      if (frontendPort !== null && frontendPort > 0) await checkFrontendPort(state, frontendPort);
      runner.subscribe(({ deployment, event }) => screen.change(deployment, event));
      await deployments.start();
      controlled.started();
    } catch (error) {
      await controlled.close("end");
      throw error;
    }
    if ((await end.promise) === "signal") screen.say("ending; a second signal ends at once");
    deployments.end?.();
    const closed = controlled.close("end");
    const killed = kill.promise.then(() => controlled.close("kill"));
    await Promise.race([closed, killed]);
    await closed;
    await deployments.close?.();
  } finally {
    screen.end();
    for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.off(name, onSignal);
    unlock();
  }
}

/** What an earlier runner left and nobody asks for now. */
async function endStrays(state: StateFolder, keys: readonly DeploymentKey[], screen: Screen): Promise<void> {
  const wanted = new Set(keys.map((key) => state.deployment(key).path));
  const strays = state.deployments().filter(({ path }) => !wanted.has(path));
  await Promise.all(
    strays.map(async (folder) => {
      const processes = leftBehind(folder);
      if (processes.length > 0) {
        screen.say(`ending ${processes.length} processes that an earlier runner left in ${folder.path}`);
      }
      await endDeployment(folder, processes, STRAY_GRACE_MS);
    }),
  );
}
