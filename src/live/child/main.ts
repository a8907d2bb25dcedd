/** Entry of the child processes of a live run; its parent asks by IPC. */
import type { Calls } from "./channel.ts";
import { say, serveParent } from "./serve.ts";

const KINDS: Record<string, () => Promise<Calls>> = {
  frontend: async () => (await import("./frontend.ts")).frontendCalls(),
  workers: async () => (await import("./workers.ts")).workerCalls(say),
};

serveParent(await KINDS[process.argv[2]!]!());
