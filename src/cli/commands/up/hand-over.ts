import { readFileSync } from "node:fs";
import { type ControlClient, controlFaultSchema, deploymentPath, type LocalDeployment } from "#planner/connectors";
import { planToJson, type RunPlan, readControlAddress, type StateFolder } from "#src/deployment";
import { progress } from "../../progress.ts";
import { planRefused } from "./errors.ts";
import { statusText } from "./status-text.ts";
import { labelOf } from "./target.ts";

/** Gives plans to the runner that lives: what is new begins, what has changed rolls over. @throws UserError RUNNER_REFUSED */
export async function handOver(state: StateFolder, plans: readonly RunPlan[]): Promise<void> {
  const { url, tokenFile } = readControlAddress(state)!;
  for (const plan of plans) {
    const response = await fetch(`${url}${deploymentPath(plan)}`, {
      method: "PUT",
      headers: {
        "content-type": "application/json",
        authorization: `Bearer ${readFileSync(tokenFile, "utf8").trim()}`,
      },
      body: JSON.stringify(planToJson(plan)),
    });
    const answer: unknown = await response.json();
    if (response.ok) continue;
    const fault = controlFaultSchema.safeParse(answer);
    throw planRefused(plan.name, fault.data?.error.message ?? `HTTP ${response.status}`);
  }
}

/** Prints the deployments, when they are ready where that is asked for. */
export async function showPlanned(
  client: ControlClient,
  plans: readonly RunPlan[],
  { waitReady, json }: { waitReady: boolean; json: boolean },
): Promise<void> {
  const bar = progress();
  for (const plan of plans) {
    let now: LocalDeployment | null = await client.deployment(plan);
    while (waitReady && now !== null && !now.ready) {
      bar.update(`${labelOf(now)}: ${now.message}`);
      now = await client.changed(plan, now.resourceVersion, 1000);
    }
    bar.done();
    if (now !== null) process.stdout.write(json ? `${JSON.stringify(now)}\n` : statusText(now, Date.now()));
  }
}
