// The last line of .ci/run: how many tests passed, failed and were skipped, from vitest's JSON report.
import { readFileSync } from "node:fs";

const file = process.argv[2];
try {
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(
    readFileSync(file, "utf8"),
  );
  // A file that can't be loaded holds no tests, but has failed.
  const brokenFiles = testResults.filter(
    (suite) => suite.status === "failed" && suite.assertionResults.length === 0,
  ).length;
  const failed = numFailedTests + brokenFiles;
  console.log(`${numPassedTests} passed, ${failed} failed, ${numPendingTests + numTodoTests} skipped`);
  process.exitCode = failed > 0 ? 1 : 0;
} catch (error) {
  console.error(`no test results: ${error.message}`);
  console.log("0 passed, 1 failed, 0 skipped");
  process.exitCode = 1;
}
