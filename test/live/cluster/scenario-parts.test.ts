import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readRouterPolicies } from "#scenarios";
import { rehearsedDeployment } from "#src/deployment";
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

describe("the frontend of a scenario in a cluster", () => {
  const objectsOf = (router: unknown) => {
    const deployment = { profile: SHIPPED, mode: "agg", agg: { workers: 1 }, router };
    const rehearsal = prepareRehearsal(madeScenario({ ...FIXED, deployment }));
    const objects = rehearsedDeployment({ ...scenarioParts(rehearsal, "image"), namespace: "mocker" });
    return { router: rehearsal.scenario.deployment.router, text: JSON.stringify(objects), objects };
  };

  it("gets the router's policy classes as a file of its own", () => {
    const policies = {
      default_policy_family: "chat",
      uncached_isl_buckets: [{ min_tokens: 0, bucket: "all" }],
      policy_classes: [
        { name: "c", policy_family: "chat", cache_bucket: "all", quantum: 512, prefill_busy_threshold: 1536 },
        { name: "probes", quantum: 64, queue_policy: "wspt", request_queue_limit_per_worker: 8 },
      ],
      models: {
        other: {
          default_policy_family: "x",
          uncached_isl_buckets: [{ min_tokens: 0, bucket: "b" }],
          policy_classes: [
            { name: "o", policy_family: "x", cache_bucket: "b", quantum: 1, prefill_busy_threshold_frac: 2 },
          ],
        },
      },
    };
    const { router, objects, text } = objectsOf({ mode: "kv", policies });
    const [, mount, file] = text.match(/"--router-policy-config","([^"]+)\/([^"/]+)"/)!;
    const map = objects.find(({ metadata }) => metadata?.name === "made-by-hand-router-policies")!;
    expect(map).toMatchObject({ kind: "ConfigMap", metadata: { namespace: "mocker" } });
    expect(text).toContain(`{"name":"${map.metadata!.name}","mountPath":"${mount}","readOnly":true}`);
    expect(text.match(/--router-policy-config/g)).toHaveLength(1);
    const folder = mkdtempSync(join(tmpdir(), "policies-"));
    try {
      writeFileSync(join(folder, file!), (map.data as Record<string, string>)[file!]!);
      expect(readRouterPolicies(join(folder, file!))).toEqual(router.policies);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("gets no such file where the router has no classes", () => {
    const { text } = objectsOf({ mode: "kv" });
    expect(text).toContain('"--router-mode","kv"');
    expect(text).not.toContain("router-polic");
  });
});
