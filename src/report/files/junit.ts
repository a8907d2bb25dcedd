import { escapeXml } from "../charts/svg.ts";
import type { RunSummary } from "../summary/summarize.ts";

/** JUnit XML with a test case per `expect:` line, for CI systems. No time of day, so that equal runs give equal bytes. */
export function junitXml(summary: RunSummary): string {
  const failures = summary.expectations.filter((expectation) => !expectation.passed).length;
  const counts = `tests="${summary.expectations.length}" failures="${failures}" errors="0"`;
  const name = escapeXml(summary.name);
  const cases = summary.expectations.map((expectation) => {
    const title = escapeXml(`${expectation.name} ${expectation.expected}`);
    const open = `    <testcase classname="${name}" name="${title}"`;
    if (expectation.passed) return `${open}/>`;
    const message = escapeXml(`${expectation.name} is ${expectation.actual}, expected ${expectation.expected}`);
    const detail = [expectation.where, expectation.message].filter((part) => part !== undefined).join("\n");
    return `${open}>\n      <failure message="${message}">${escapeXml(detail)}</failure>\n    </testcase>`;
  });
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="understudy" ${counts}>`,
    `  <testsuite name="${name}" ${counts}>`,
    ...cases,
    "  </testsuite>",
    "</testsuites>",
    "",
  ].join("\n");
}
