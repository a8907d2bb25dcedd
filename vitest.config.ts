import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

/** .ci/run reads the counts from this file. */
const resultsFile = process.env.UNDERSTUDY_TEST_RESULTS;

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    setupFiles: ["test/setup.ts"],
    // Many files wait for servers rather than compute: with a worker a core, two cores would be idle for a third of the time.
    maxWorkers: Math.max(3, availableParallelism()),
    testTimeout: 120_000,
    hookTimeout: 600_000,
    reporters: resultsFile ? ["default", ["json", { outputFile: resultsFile }]] : ["default"],
  },
});
