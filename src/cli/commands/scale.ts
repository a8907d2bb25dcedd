import { Command } from "commander";
import type { LocalDeployment } from "#planner/connectors";
import { progress } from "../progress.ts";
import { badCount, noSuchComponent } from "./up/errors.ts";
import { statusText } from "./up/status-text.ts";
import { chosen, labelOf, stateFolder, type TargetFlags, withRunner, withTarget } from "./up/target.ts";

interface ScaleFlags extends TargetFlags {
  wait?: true;
  reason?: string;
  json?: true;
}

/** `understudy scale`: other numbers of replicas. */
export function scaleCommand(): Command {
  return withTarget(new Command("scale"))
    .description("change the replicas of components of what `understudy up` runs")
    .argument(
      "<what...>",
      "<component>=<replicas>, by name or role; before that the deployment, where there are several",
    )
    .option("--wait", "return when all of it is ready")
    .option("--reason <text>", "why, for the events")
    .option("--json", "the deployment as JSON")
    .addHelpText(
      "after",
      "\nAll counts are taken over or none.\n\nExamples:\n  $ understudy scale prefill=2\n  $ understudy scale mocker-disagg prefill=2 decode=3 --wait",
    )
    .action(async (what: string[], flags: ScaleFlags) => {
      const names = what.filter((text) => !text.includes("="));
      const counts = what.filter((text) => text.includes("=")).map(countOf);
      if (names.length > 1 || counts.length === 0) throw badCount(names.at(-1) ?? "");
      await withRunner(stateFolder(flags), async (client) => {
        const deployment = chosen(await client.deployments(), names[0], flags.namespace);
        const replicas = Object.fromEntries(counts.map(([name, n]) => [componentOf(deployment, name), n]));
        let now: LocalDeployment | null = await client.scale(deployment, {
          replicas,
          reason: flags.reason ?? "understudy scale",
        });
        const bar = progress();
        while (flags.wait && now !== null && !now.ready) {
          bar.update(`${labelOf(now)}: ${now.message}`);
          now = await client.changed(now, now.resourceVersion, 1000);
        }
        bar.done();
        if (now !== null) process.stdout.write(flags.json ? `${JSON.stringify(now)}\n` : statusText(now, Date.now()));
      });
    });
}

function countOf(text: string): [string, number] {
  const match = /^([^=]+)=(\d{1,6})$/.exec(text);
  if (match === null) throw badCount(text);
  return [match[1]!, Number(match[2])];
}

/** By its name, whatever its case, else by a role that only one has. */
function componentOf(deployment: LocalDeployment, name: string): string {
  const { components } = deployment;
  const lower = name.toLowerCase();
  const byName = components.find((component) => component.name.toLowerCase() === lower);
  const byRole = components.filter(({ role }) => role === lower);
  const found = byName ?? (byRole.length === 1 ? byRole[0] : undefined);
  if (found === undefined) {
    throw noSuchComponent(
      name,
      components.map((component) => component.name),
      labelOf(deployment),
    );
  }
  return found.name;
}
