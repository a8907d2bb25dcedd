/** `npm run bench -- --runner`: how long the local runner takes to bring up many workers, and what they take. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import {
  type ControlledRunner,
  lockState,
  planDeployments,
  readManifests,
  StateFolder,
  startControlledRunner,
} from "#src/deployment";
import { processUsage } from "./live/proc-usage.ts";

export interface RunnerResult {
  workers: number;
  /** From the request for them until all are ready. */
  upSeconds: number;
  /** From the request for one until the others have drained and are gone. */
  downSeconds: number;
  /** Resident memory of all processes and the runner, when all are ready. */
  memoryBytes: number;
  processes: number;
}

/** What the project promises of 500 workers on two cores. */
const PROMISED = { upSeconds: 30, memoryBytes: 2e9 } as const;
const PATIENCE_MS = 300_000;
const KEY = { namespace: "default", name: "bench" };

export interface RunnerBenchOptions {
  workers: number;
  json: string | null;
  progress: (text: string) => void;
}

/** Measures, prints the table, and says whether every promise held. */
export async function runRunnerBench({ workers, json, progress }: RunnerBenchOptions): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), "understudy-bench-"));
  const state = new StateFolder(folder);
  const unlock = lockState(state);
  const controlled = await startControlledRunner({ state, timeScale: 1, frontendPort: 0 });
  try {
    const result = await measure(controlled, workers, progress);
    progress("");
    console.log(runnerTable(result).join("\n"));
    if (json !== null) writeFileSync(json, `${JSON.stringify(result, null, 1)}\n`);
    const broken = brokenRunnerPromises(result);
    for (const line of broken) console.log(`BROKEN  ${line}`);
    return broken.length === 0;
  } finally {
    await controlled.close("kill");
    unlock();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(
  { runner }: ControlledRunner,
  workers: number,
  progress: (text: string) => void,
): Promise<RunnerResult> {
  const [plan] = planDeployments(readManifests(MANIFEST, "bench"), { store: "local" });
  await runner.apply(plan!);
  const until = async (what: string, isThere: () => boolean) => {
    const deadline = performance.now() + PATIENCE_MS;
    while (!isThere()) {
      if (performance.now() > deadline) throw new Error(`waited ${PATIENCE_MS / 1000} s for ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
      const ready = runner.view(KEY)!.components.at(-1)!.readyReplicas;
      progress(`${what}: ${ready} ready`);
    }
  };
  await until("a first worker", () => runner.view(KEY)!.ready);
  const scale = (n: number) => runner.scale(KEY, { replicas: { decode: n }, reason: "", resourceVersion: undefined });

  const upMs = performance.now();
  scale(workers);
  await until(`${workers} workers`, () => runner.view(KEY)!.ready);
  const upSeconds = (performance.now() - upMs) / 1000;
  const pids = new Set(runner.view(KEY)!.replicas.flatMap(({ pid }) => pid ?? []));
  const memoryBytes = [process.pid, ...pids].reduce((sum, pid) => sum + processUsage(pid).rssBytes, 0);

  const downMs = performance.now();
  scale(1);
  await until("one worker again", () => runner.view(KEY)!.replicas.length === 2);
  return { workers, upSeconds, downSeconds: (performance.now() - downMs) / 1000, memoryBytes, processes: pids.size };
}

export function runnerTable({ workers, upSeconds, downSeconds, memoryBytes, processes }: RunnerResult): string[] {
  const cells = [workers, upSeconds.toFixed(1), downSeconds.toFixed(1), Math.round(memoryBytes / 1e6), processes];
  return [
    "| workers | all ready, s | drained to one, s | memory, MB | processes |",
    "|---|---|---|---|---|",
    `| ${cells.join(" | ")} |`,
  ];
}

/** One line for each promise that does not hold; fewer workers than 500 have the same time and memory. */
export function brokenRunnerPromises({ workers, upSeconds, memoryBytes }: RunnerResult): string[] {
  if (workers > 500) return [];
  const broken: string[] = [];
  if (!(upSeconds <= PROMISED.upSeconds)) {
    broken.push(`${workers} workers were ready after ${upSeconds.toFixed(1)} s, promised ${PROMISED.upSeconds}`);
  }
  if (!(memoryBytes <= PROMISED.memoryBytes)) {
    broken.push(`${workers} workers took ${Math.round(memoryBytes / 1e6)} MB, promised ${PROMISED.memoryBytes / 1e6}`);
  }
  return broken;
}

/** Aggregated workers that replay a shipped profile, behind a frontend. */
const MANIFEST = `
apiVersion: nvidia.com/v1beta1
kind: DynamoGraphDeployment
metadata: { name: bench }
spec:
  components:
  - name: Frontend
    type: frontend
    podTemplate: { spec: { containers: [{ name: main, command: [understudy], args: [frontend] }] } }
  - name: decode
    type: decode
    podTemplate:
      spec:
        containers:
        - name: main
          command: [understudy]
          args: [mocker, --profile, h200-llama-3.1-8b-fp8-tp1-estimate, --model-name, bench]
`;
