import { Command } from "commander";
import { UserError } from "#common";
import { BearerTokens } from "#common/http";
import { FileStore, MemoryStore } from "#planner/connectors";
import { toldToEnd } from "../../told-to-end.ts";
import { wholeNumber } from "../../values.ts";

interface StoreFlags {
  host: string;
  port: number;
  folder?: string;
  name: string[];
  json?: true;
}

const TOKEN = "UNDERSTUDY_PLANNER_VIRTUAL_STORE_TOKEN";

/** `understudy planner store`: what planners and virtual environments share where there is no etcd. */
export function storeCommand(): Command {
  return new Command("store")
    .description("serve a key-value store over HTTP, for planners and environments that share no etcd and no folder")
    .option("--folder <folder>", "keep the store there; without one it is gone when the server ends")
    .option("--host <host>", "address to listen on", "127.0.0.1")
    .option("--port <port>", "port; 0: any free one", wholeNumber("--port"), 2380)
    .option("--name <name>", "further name that clients call it by, such as a Service's; may be repeated", add, [])
    .option("--json", "tell the address as JSON on stdout")
    .addHelpText(
      "after",
      `
Who asks must bear the token of $${TOKEN}, where that is set.

Examples:
  $ understudy planner store --folder ./planner-state
  $ understudy planner --environment virtual --virtual-store http://127.0.0.1:2380 --worker-urls http://127.0.0.1:8001`,
    )
    .action(async ({ host, port, folder, name, json }: StoreFlags) => {
      const { listenAt, storeApp } = await import("#planner/service");
      const token = process.env[TOKEN]?.trim();
      // Clients that outlive this server know revisions of its forerunner: they must be lower than its own.
      const store = folder === undefined ? new MemoryStore(Date.now()) : new FileStore(folder);
      const app = storeApp({ store, tokens: new BearerTokens(token ? [token] : []), names: [host, ...name] });
      const url = await listenAt(app, host, port).catch((error: Error) => {
        throw cannotListen(host, port, error);
      });
      if (json) process.stdout.write(`${JSON.stringify({ url })}\n`);
      process.stderr.write(`store on ${url}, ${folder === undefined ? "in memory" : `in ${folder}`}\n`);
      await toldToEnd();
      await app.close();
      await store.close();
    });
}

function add(value: string, values: string[]): string[] {
  return [...values, value];
}

function cannotListen(host: string, port: number, cause: Error): UserError {
  return new UserError({
    code: "PLANNER_STORE_CANNOT_LISTEN",
    where: `${host}:${port}`,
    message: `the store can't listen: ${cause.message}`,
    hint: "choose another port with --port; 0 takes any free one",
    cause,
  });
}
