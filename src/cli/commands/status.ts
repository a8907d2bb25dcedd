import { Command } from "commander";
import type { LocalDeployment } from "#planner/connectors";
import { holderOf, leftBehind } from "#src/deployment";
import { tableScreen } from "./up/screen.ts";
import { statusText } from "./up/status-text.ts";
import { chosen, stateFolder, type TargetFlags, withRunner, withTarget } from "./up/target.ts";

interface StatusFlags extends TargetFlags {
  json?: true;
  watch?: true;
}

/** Between two looks of `--watch`, ms. */
const LOOK_MS = 500;

/** `understudy status`: what the runner runs. */
export function statusCommand(): Command {
  return withTarget(new Command("status"))
    .description("show what `understudy up` runs on this machine")
    .argument("[name]", "deployment (default: all)")
    .option("-w, --watch", "go on showing it until Ctrl-C")
    .option("--json", 'JSON: { "items": [...] }')
    .addHelpText(
      "after",
      "\nExamples:\n  $ understudy status\n  $ understudy status --json\n  $ understudy status --watch",
    )
    .action(async (name: string | undefined, flags: StatusFlags) => {
      const state = stateFolder(flags);
      if (holderOf(state) === null) return withoutRunner(flags);
      await withRunner(state, async (client) => {
        const read = async () => select(await client.deployments(), name, flags.namespace);
        if (flags.watch) await watch(read, flags.json ?? false);
        else print(await read(), flags.json ?? false);
      });
    });
}

/** What is left by one that was killed is worth a word; nothing at all is no error. */
function withoutRunner(flags: StatusFlags): void {
  const folders = stateFolder(flags).deployments();
  if (flags.json) process.stdout.write('{"items":[]}\n');
  else process.stdout.write(folders.length === 0 ? "nothing runs\n" : "the runner has ended without ending all\n");
  for (const folder of folders) {
    process.stderr.write(
      `${folder.readPlan()?.name ?? folder.path}: ${leftBehind(folder).length} processes are left; \`understudy up FILE\` takes them over, \`understudy down --all\` ends them\n`,
    );
  }
}

function select(items: LocalDeployment[], name: string | undefined, namespace: string | undefined): LocalDeployment[] {
  if (name !== undefined) return [chosen(items, name, namespace)];
  return items.filter((item) => namespace === undefined || item.namespace === namespace);
}

function print(items: readonly LocalDeployment[], json: boolean): void {
  if (json) process.stdout.write(`${JSON.stringify({ items })}\n`);
  else if (items.length === 0) process.stdout.write("nothing runs\n");
  else process.stdout.write(items.map((item) => statusText(item, Date.now())).join("\n"));
}

async function watch(read: () => Promise<LocalDeployment[]>, json: boolean): Promise<void> {
  const screen = !json && process.stdout.isTTY ? tableScreen(process.stdout) : null;
  let last = "";
  for (;;) {
    const items = await read();
    const versions = items.map(({ name, resourceVersion }) => `${name} ${resourceVersion}`).join();
    if (screen !== null) for (const item of items) screen.change(item, undefined);
    else if (versions !== last) print(items, json);
    last = versions;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
