/** Starts the servers of the benchmark, each in a process of its own. */
import { Child } from "./child.ts";
import type { FrontendPlan } from "./frontend-process.ts";
import type { WorkerPlan } from "./worker-process.ts";

/** What a worker has unless a row says otherwise: TTFT 100 ms, ITL 10 ms. */
export const WORKER: WorkerPlan = {
  workers: 1,
  prefillMs: 100,
  itlMs: 10,
  speedupRatio: 1,
  maxNumSeqs: 16_384,
  maxNumBatchedTokens: 8192,
};

export interface Server {
  child: Child;
  urls: string[];
}

export async function startWorkers(plan: Partial<WorkerPlan> = {}): Promise<Server> {
  const child = new Child("worker-process.ts", profiling("worker"));
  return { child, urls: await child.call<string[]>("start", { ...WORKER, ...plan }) };
}

export async function startFrontend(plan: FrontendPlan): Promise<Server> {
  const child = new Child("frontend-process.ts", profiling("frontend"));
  return { child, urls: [await child.call<string>("start", plan)] };
}

/** Lets go of servers when `use` is done with them. */
export async function withServers<Result>(starts: Promise<Server>[], use: (servers: Server[]) => Promise<Result>) {
  const settled = await Promise.allSettled(starts);
  try {
    const servers = settled.map((result) => {
      if (result.status === "rejected") throw result.reason;
      return result.value;
    });
    return await use(servers);
  } finally {
    await Promise.all(settled.map((result) => (result.status === "fulfilled" ? result.value.child.stop() : undefined)));
  }
}

/** With UNDERSTUDY_BENCH_PROFILE=FOLDER each server writes a CPU profile there. */
function profiling(name: string): string[] {
  const folder = process.env.UNDERSTUDY_BENCH_PROFILE;
  return folder ? ["--cpu-prof", `--cpu-prof-dir=${folder}`, `--cpu-prof-name=${name}-${Date.now()}.cpuprofile`] : [];
}
