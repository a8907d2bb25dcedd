import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Whatever process a test begins keeps its compiled modules from start to start, as the command line's do; the folder is Node's default. */
process.env.NODE_COMPILE_CACHE ??= join(tmpdir(), "node-compile-cache");

/** .ci/run reads the counts from this file. */
const resultsFile = process.env.UNDERSTUDY_TEST_RESULTS;

/** Begun last, each of these would be waited for alone: they take minutes, most of them waiting. */
const LONG =
  /test\/docs\/(quiet-)?commands|test\/(live|soak|kubernetes|integration)\/|test\/cli\/(sweep|judge|profile|shards)/;

/** Rooms whose tests change nothing that others see: they load their modules once a worker instead of once a file. */
export const SHARED = [
  "test/{bench,common,conformance,deployment,estimator,loadgen,planner,profiler,profiles,record,rehearsal,report,scenarios,simulator,structure,study,web}/**/*.test.ts",
  "test/mocker/{engine,protocol,router,text,worker/core}/**/*.test.ts",
];

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isDocs = ({ moduleId }: TestSpecification) => moduleId.includes("/test/docs/");
    const long = sorted.filter(({ moduleId }) => LONG.test(moduleId));
    return [
      ...long.filter(isDocs),
      ...long.filter((file) => !isDocs(file)),
      ...sorted.filter((file) => !long.includes(file)),
    ];
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongFirst },
    projects: [
      { extends: true, test: { name: "own", include: ["test/**/*.test.ts"], exclude: SHARED } },
      { extends: true, test: { name: "shared", include: SHARED, isolate: false } },
    ],
    setupFiles: ["test/setup.ts"],
    // Many files wait for servers rather than compute: with a worker a core, two cores would be idle for a third of the time.
    maxWorkers: Math.max(3, availableParallelism()),
    testTimeout: 120_000,
    hookTimeout: 600_000,
    reporters: resultsFile ? ["default", ["json", { outputFile: resultsFile }]] : ["default"],
  },
});
