import type { RunPlan, StateFolder } from "#src/deployment";
import { checkFrontendPort, endDeployment, leftBehind, lockState, startControlledRunner } from "#src/deployment";
import type { Screen } from "./screen.ts";

export interface RunOptions {
  state: StateFolder;
  plans: readonly RunPlan[];
  timeScale: number;
  frontendPort: number | null;
  screen: Screen;
}

/** What strays of an earlier runner get to end what they have, ms. */
const STRAY_GRACE_MS = 30_000;

/** Runs the plans until a signal ends them, or somebody has removed them all. A second signal ends them at once. */
export async function runDeployments({ state, plans, timeScale, frontendPort, screen }: RunOptions): Promise<void> {
  const unlock = lockState(state);
  const end = Promise.withResolvers<"removed" | "signal">();
  const kill = Promise.withResolvers<void>();
  let signals = 0;
  const onSignal = () => (++signals === 1 ? end.resolve("signal") : kill.resolve());
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, onSignal);
  try {
    await endStrays(state, plans, screen);
    if (frontendPort !== null && frontendPort > 0) await checkFrontendPort(state, frontendPort);
    const controlled = await startControlledRunner({
      ...{ state, timeScale, frontendPort },
      onRemoved: () => {
        if (controlled.runner.views().length === 0) end.resolve("removed");
      },
    });
    const { runner } = controlled;
    runner.subscribe(({ deployment, event }) => screen.change(deployment, event));
    for (const plan of plans) await runner.apply(plan);
    if ((await end.promise) === "signal") screen.say("ending; a second signal ends at once");
    const closed = controlled.close("end");
    const killed = kill.promise.then(() => controlled.close("kill"));
    await Promise.race([closed, killed]);
    await closed;
  } finally {
    screen.end();
    for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.off(name, onSignal);
    unlock();
  }
}

/** What an earlier runner left and nobody asks for now. */
async function endStrays(state: StateFolder, plans: readonly RunPlan[], screen: Screen): Promise<void> {
  const wanted = new Set(plans.map((plan) => state.deployment(plan).path));
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
