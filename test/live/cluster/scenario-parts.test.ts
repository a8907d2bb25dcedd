import { describe, expect, it } from "vitest";
import { prepareRehearsal } from "#src/rehearsal";
import { scenarioParts } from "../../../src/live/cluster/scenario-parts.ts";
import { FIXED, madeScenario, SHIPPED } from "../../rehearsal/made-scenario.ts";

const argsOf = (engine: object) => {
  const deployment = { profile: SHIPPED, mode: "agg", agg: { workers: 1 }, engine };
  return scenarioParts(prepareRehearsal(madeScenario({ ...FIXED, deployment })), "image").decode.args;
};

describe("the mock workers of a scenario in a cluster", () => {
  it("reason as much as the scenario says, in Dynamo's words, and not where it says nothing", () => {
    const args = argsOf({ reasoning: { ratio: 0.6 } });
    expect(JSON.parse(args[args.indexOf("--reasoning") + 1]!)).toMatchObject({
      start_thinking_token_id: expect.any(Number),
      end_thinking_token_id: expect.any(Number),
      thinking_ratio: 0.6,
    });
    expect(argsOf({})).not.toContain("--reasoning");
  });
});
