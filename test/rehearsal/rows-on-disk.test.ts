import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { plannerConfigSchema } from "#planner/core";
import { parseScenario } from "#scenarios";
import { type ReportedRun, RowFile, requestBlocks, requestCount } from "#src/record";
import { judge, prepareRehearsal, type RehearsalSteps, type RunOptions } from "#src/rehearsal";
import { formatRun, writeReports } from "#src/report";

const PROFILE = "h200-llama-3.1-8b-fp8-tp1-estimate";
const CACHING = { blockSize: 16, prefixCaching: true, maxNumSeqs: 256 };
const AGG = { profile: PROFILE, mode: "agg", agg: { workers: 2, startup: "10s" }, engine: CACHING };
const DISAGG = {
  profile: PROFILE,
  mode: "disagg",
  prefill: { workers: 2, startup: "10s" },
  decode: { workers: 2, startup: "10s" },
  kvTransfer: { bandwidth: "64GB/s" },
};

const SCENARIOS: Record<string, object> = {
  "a model that thinks": {
    deployment: { ...DISAGG, engine: { reasoning: { ratio: 0.6 } } },
    sla: { ttft: "200ms", itl: "10ms" },
    traffic: [{ constant: { requestRate: 12, isl: 3000, osl: { uniform: { min: 1, max: 60 } }, duration: "20s" } }],
    expect: { ttfo: { mean: ">= 50ms" } },
  },
  "a planner, workers that die, impatient clients": {
    deployment: DISAGG,
    sla: { ttft: "200ms", itl: "10ms" },
    planner: { strategy: "default", interval: "5s", maxGpus: 8 },
    traffic: [{ constant: { requestRate: 12, isl: 3000, osl: 200, duration: "40s" } }],
    clients: { firstTokenTimeout: "1s", retries: 2, backoff: "200ms", backoffFactor: 1, jitter: 0.5 },
    faults: [
      { at: "10s", freeze: "prefill/0", for: "5s" },
      { at: "20s", kill: "decode/0" },
    ],
    expect: { errors: 0, recoversWithin: "60s", ttft: { p99: "<= 5s" } },
  },
  "tenants at the same time, one with sessions": {
    deployment: AGG,
    sla: { ttft: "1s", itl: "25ms" },
    tenants: { chat: { sla: { ttft: "300ms", itl: "20ms" } } },
    traffic: [
      {
        constant: {
          tenant: "chat",
          requestRate: 2,
          duration: "60s",
          isl: { lognormal: { mean: 900, sigma: 0.7 } },
          osl: { lognormal: { mean: 100, sigma: 0.5 } },
          sessions: {
            turns: { uniform: { min: 1, max: 5 } },
            thinkTime: { exponential: { mean: "8s" } },
            maxIsl: 16000,
          },
          prefix: { groups: 4, tokens: 512 },
        },
      },
      { constant: { tenant: "batch", requestRate: 4, start: "20s", duration: "20s", isl: 2000, osl: 200 } },
      { constant: { requestRate: 1, duration: "50s", isl: 60000, osl: 1 } },
    ],
    expect: { slaAttainment: ">= 0.1", prefixHitRate: ">= 0" },
  },
  "a closed loop that ends by time, so that most of its stock is never sent": {
    deployment: { ...AGG, engine: { maxNumSeqs: 16 } },
    sla: { ttft: "2s", itl: "30ms" },
    traffic: [{ closedLoop: { concurrency: 24, duration: "20s", isl: 2000, osl: 60 } }],
  },
  "agents, and a router that knows of caches and lets them wait": {
    deployment: { ...AGG, router: { mode: "kv", queueThreshold: 0.5 } },
    sla: { ttft: "1s", itl: "20ms" },
    traffic: [
      {
        constant: {
          requestRate: 1,
          duration: "40s",
          isl: 6000,
          osl: 80,
          agents: { turns: { uniform: { min: 2, max: 6 } }, toolWait: { exponential: { mean: "2s" } }, growth: 900 },
          prefix: { groups: 3, tokens: 3072 },
        },
      },
    ],
  },
  "no room: preemptions, and requests without an end": {
    limits: { duration: "15s" },
    deployment: { ...AGG, agg: { workers: 1 }, engine: { blockSize: 16, numGpuBlocks: 900, maxNumSeqs: 64 } },
    sla: { ttft: "1s", itl: "20ms" },
    traffic: [{ constant: { requestRate: 20, isl: 500, osl: 300, duration: "20s" } }],
  },
  "nobody comes": {
    deployment: AGG,
    sla: { ttft: "1s", itl: "20ms" },
    traffic: [{ closedLoop: { concurrency: 1, duration: "1s", start: "1h", isl: 10, osl: 2 } }],
    limits: { duration: "1s" },
  },
};

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "understudy-rows-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A new one each time: its engines' tables count questions beyond their range from run to run. */
function rehearsalOf(document: object) {
  const text = JSON.stringify({ name: "rows", seed: 5, ...document });
  const scenario = parseScenario(text, "test", { plannerSchema: plannerConfigSchema });
  return { scenario, rehearsal: prepareRehearsal(scenario) };
}

/** Goes on to the end, or for so many windows of the timeline. */
function driven<Run extends ReportedRun>(steps: RehearsalSteps<Run>, windows = Number.POSITIVE_INFINITY): Run {
  for (let i = 0; i < windows && steps.advance(); i++);
  return steps.result();
}

/** Every report file of a run, and what the terminal shows, by name. */
function reports(scenario: ReturnType<typeof rehearsalOf>["scenario"], run: ReportedRun, name: string) {
  const { record, summary } = judge(scenario, run);
  const dir = join(folder, name);
  writeReports(record, dir, { summary });
  const files = readdirSync(dir)
    .sort()
    .map((file) => [
      file,
      createHash("sha256")
        .update(readFileSync(join(dir, file)))
        .digest("hex"),
    ]);
  return { summary, ...Object.fromEntries(files), terminal: formatRun(record, summary, { colour: false, width: 120 }) };
}

const options: RunOptions = { check: true };

describe("rows on disk", () => {
  it.each(Object.entries(SCENARIOS))("make the very reports that rows in memory make: %s", (_, document) => {
    const { scenario, rehearsal } = rehearsalOf(document);
    const file = new RowFile(folder, 16);
    const stored = driven(rehearsal.startOntoDisk(file, options));
    const kept = driven(rehearsalOf(document).rehearsal.start(options));
    expect(requestCount(stored)).toBe(requestCount(kept));
    expect([...requestBlocks(stored)].length).toBeGreaterThanOrEqual(Math.ceil(kept.requests.count / 16));
    expect(reports(scenario, stored, "stored")).toEqual(reports(scenario, kept, "kept"));
    file.close();
  });

  it("make them of a run that is given up, by either engine", () => {
    const document = SCENARIOS["a planner, workers that die, impatient clients"]!;
    for (const engine of ["skipping", "stepping"] as const) {
      const { scenario, rehearsal } = rehearsalOf(document);
      const file = new RowFile(folder, 16);
      const stored = driven(rehearsal.startOntoDisk(file, { ...options, engine }), 20);
      const kept = driven(rehearsalOf(document).rehearsal.start({ ...options, engine }), 20);
      expect(kept.requests.count).toBeGreaterThan(50);
      expect(kept.requests.status).toContain(3);
      expect(reports(scenario, stored, `stored-${engine}`)).toEqual(reports(scenario, kept, `kept-${engine}`));
      file.close();
    }
  });

  it("are in a file that has no name, and leave none when a run fails", () => {
    const { rehearsal } = rehearsalOf(SCENARIOS["no room: preemptions, and requests without an end"]!);
    const file = new RowFile(folder, 16);
    const steps = rehearsal.startOntoDisk(file);
    steps.advance();
    expect(readdirSync(folder)).toEqual([]);
    file.close();
    expect(() => driven(steps)).toThrow(/EBADF/);
    expect(readdirSync(folder)).toEqual([]);
  });

  it("are in memory only while a request of their page has no end", () => {
    const { rehearsal } = rehearsalOf({
      deployment: AGG,
      sla: { ttft: "1s", itl: "20ms" },
      traffic: [{ constant: { requestRate: 20, isl: 200, osl: 10, duration: "60s" } }],
    });
    const written: number[] = [];
    class WatchedFile extends RowFile {
      override write(...args: Parameters<RowFile["write"]>): void {
        written.push(args[0]);
        super.write(...args);
      }
    }
    const file = new WatchedFile(folder, 64);
    const steps = rehearsal.startOntoDisk(file);
    while (steps.advance());
    const pages = Math.ceil(rehearsal.workload.count / 64);
    expect(pages).toBeGreaterThan(15);
    // Each once, and before the run's end.
    expect(written.toSorted((a, b) => a - b)).toEqual(Array.from({ length: pages }, (_, page) => page));
    expect(steps.result().rows.count).toBe(rehearsal.workload.count);
    file.close();
  });
});
