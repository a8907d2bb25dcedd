import { Command, Option } from "commander";
import type { ControlClient, LocalDeployment, LocalReplica } from "#planner/connectors";
import { wholeNumber } from "../values.ts";
import { noSuchComponent } from "./up/errors.ts";
import { chosen, labelOf, stateFolder, type TargetFlags, withRunner, withTarget } from "./up/target.ts";

interface LogsFlags extends TargetFlags {
  deployment?: string;
  follow?: true;
  tail?: number;
}

/** Between two looks for replicas that have come since, ms. */
const LOOK_MS = 1000;

/** `understudy logs`: what replicas wrote. */
export function logsCommand(): Command {
  return withTarget(new Command("logs"))
    .description("print what replicas of `understudy up` wrote")
    .argument("<component|replica>", "such as decode or decode-0")
    .option("--deployment <name>", "where there are several")
    .option("-f, --follow", "go on with what comes, over restarts and with new replicas")
    .addOption(new Option("--tail <lines>", "only the last lines").argParser(wholeNumber("--tail")))
    .addHelpText("after", "\nExamples:\n  $ understudy logs decode --tail 20\n  $ understudy logs planner-0 --follow")
    .action(async (name: string, flags: LogsFlags) => {
      await withRunner(stateFolder(flags), async (client) => {
        const deployment = chosen(await client.deployments(), flags.deployment, flags.namespace);
        const sources = sourcesOf(deployment, name);
        if (flags.follow) return await follow(client, deployment, name, flags.tail);
        for (const source of sources) await copy(client, deployment, source, sources.length > 1, flags);
      });
    });
}

async function follow(client: ControlClient, deployment: LocalDeployment, name: string, tail: number | undefined) {
  const followed = new Set<string>();
  for (;;) {
    const now = await client.deployment(deployment);
    if (now === null) return;
    for (const source of sourcesOf(now, name, true)) {
      if (followed.has(source.name)) continue;
      followed.add(source.name);
      void copy(client, deployment, source, source.name !== name, {
        follow: true,
        ...(tail === undefined ? {} : { tail }),
      })
        .catch(() => {}) // The runner is gone: the next look tells.
        .finally(() => followed.delete(source.name));
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** Replicas that share a process share a log: it is printed once. */
function sourcesOf(deployment: LocalDeployment, name: string, orNone = false): LocalReplica[] {
  const lower = name.toLowerCase();
  const { replicas, components } = deployment;
  const inRole = new Set(components.filter(({ role }) => role === lower).map((component) => component.name));
  const found = replicas.filter(
    (replica) => replica.name === name || replica.component.toLowerCase() === lower || inRole.has(replica.component),
  );
  if (found.length === 0 && !orNone) {
    const names = [...components.map((component) => component.name), ...replicas.map((replica) => replica.name)];
    throw noSuchComponent(name, names, labelOf(deployment));
  }
  return found.filter(({ pid }, i) => pid === null || found.findIndex((other) => other.pid === pid) === i);
}

async function copy(
  client: ControlClient,
  deployment: LocalDeployment,
  replica: LocalReplica,
  named: boolean,
  options: { follow?: true; tail?: number },
): Promise<void> {
  const { name } = replica;
  let line = "";
  for await (const text of client.logs(deployment, name, options)) {
    if (!named) {
      process.stdout.write(text);
      continue;
    }
    const lines = (line + text).split("\n");
    line = lines.pop()!;
    for (const whole of lines) process.stdout.write(`${name} | ${whole}\n`);
  }
  if (line !== "") process.stdout.write(`${name} | ${line}\n`);
}
