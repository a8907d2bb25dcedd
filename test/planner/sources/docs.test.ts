import { expect, it } from "vitest";
import * as queries from "../../../planner/sources/prometheus/queries.ts";
import { readProjectFile } from "../../structure/project-files.ts";

it("docs/planner-sources.md shows the expressions that are asked", () => {
  const { frontendMetric, increase, ratio, ageS, unreachable } = queries;
  const rangeS = 123_456;
  const router = queries.routerQueries("team-a", rangeS);
  const asked = [
    increase(frontendMetric.started, rangeS),
    increase(frontendMetric.completed, rangeS),
    ratio(frontendMetric.histogram("ttft"), rangeS),
    queries.kvHitRate("team-a", rangeS),
    ...(["vllm", "sglang", "trtllm"] as const).map((backend) => queries.acceptLength(backend, "team-a", rangeS)),
    ageS(frontendMetric.started),
    unreachable(frontendMetric.started, rangeS),
    router.started,
    router.mean("isl"),
  ].map((expression) => expression.replaceAll(String(rangeS), "N"));
  const text = readProjectFile("docs/planner-sources.md");
  const shown = [...text.matchAll(/`([^`\n]*\[Ns\][^`\n]*)`/g)].map((match) => match[1]!);
  expect(asked.filter((expression) => !text.includes(`\`${expression}\``))).toEqual([]);
  expect(shown.filter((expression) => !asked.includes(expression))).toEqual([]);
});
