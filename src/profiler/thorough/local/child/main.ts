/** Entry of the processes that play a candidate's components on this machine; their parent asks by IPC. */
import { type Calls, serveParent } from "#src/live";

const KINDS: Record<string, () => Promise<Calls>> = {
  frontend: async () => (await import("./frontend.ts")).localFrontendCalls(),
  worker: async () => (await import("./worker.ts")).localWorkerCalls(),
};

serveParent(await KINDS[process.argv[2]!]!());
