import { Command, type Option } from "commander";
import { type MockerFlags, withMockerFlags } from "./mocker/flags.ts";
import { ignoredFlags, refuseForeignFlags, withForeignFlags } from "./mocker/refused.ts";
import { serve } from "./mocker/serve.ts";
import { serveReplicas } from "./mocker/serve-replicas.ts";
import { mockerSettings } from "./mocker/settings.ts";

/** `understudy mocker`: OpenAI-compatible workers without GPUs, on the wall clock. */
export function mockerCommand(): Command {
  const command = new Command("mocker")
    .description("serve mock workers: OpenAI-compatible, timed by a profile")
    // The environment is one rule; said of each flag it would fill the page.
    .configureHelp({ optionDescription: describe })
    .addHelpText(
      "after",
      `
Each worker prints a line when it is ready. SIGTERM and SIGINT drain, a second one ends at once.
Every flag that takes a value has an environment equivalent: --block-size is UNDERSTUDY_BLOCK_SIZE.

Examples:
  $ understudy mocker --profile h200-llama-3.1-8b-fp8-tp1-estimate --model-name llama
  $ understudy mocker --timing fixed:100ms,10ms --num-workers 4 --port 9000
  $ understudy mocker --disaggregation-mode prefill --profile my-results/ --register-dir /tmp/workers`,
    )
    .action(async (flags: MockerFlags, self: Command) => {
      refuseForeignFlags(self);
      const settings = await mockerSettings(flags);
      const ignored = ignoredFlags(self);
      if (ignored.length > 0) settings.notices.push(`without effect on a mock engine: ${ignored.join(", ")}`);
      for (const notice of settings.notices) process.stderr.write(`note: ${notice}\n`);
      for (const line of settings.engineLog) process.stderr.write(`${line}\n`);
      if (flags.printConfig) {
        process.stdout.write(`${JSON.stringify(printable(settings), null, 2)}\n`);
        return;
      }
      if (flags.adminPort === undefined) await serve(settings);
      else await serveReplicas(settings, flags.adminPort);
    });
  return withForeignFlags(withMockerFlags(command));
}

function describe(option: Option): string {
  return option.argChoices === undefined
    ? option.description
    : `${option.description} [${option.argChoices.join(", ")}]`;
}

type Settings = Awaited<ReturnType<typeof mockerSettings>>;

/** What the flags come to, without functions and secrets. */
function printable({ host, registerDir, drainTimeoutMs }: Settings) {
  const { settings, http, clock, kvEventsZmq, ...server } = host;
  const { tokenizer, engine, ...worker } = settings;
  const { timing, ...scheduler } = engine;
  return {
    ...server,
    timeScale: clock!.timeScale,
    registerDir,
    drainTimeoutMs,
    kvEventsZmq: kvEventsZmq ? Array.from({ length: host.count ?? 1 }, (_, i) => kvEventsZmq(i)) : [],
    worker: { ...worker, tokenizer: tokenizer.name, engine: { ...scheduler, timing: timing.kind } },
    http: { ...http, apiKeys: (http?.apiKeys ?? []).map(() => "(hidden)") },
  };
}
