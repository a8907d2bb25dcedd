import { describe, expect, it } from "vitest";
import { BearerTokens } from "#common/http";
import { parsePrometheus } from "#common/prometheus";
import { type DecisionRecord, GlobalPlannerMetrics, globalPlannerApp } from "#planner/global";
import { MadeDeployment, type MadeOptions, madeGlobalPlanner } from "./made-platform.ts";

const own = { host: "127.0.0.1:9087" };

async function made(options: MadeOptions & { tokens?: string[] } = {}) {
  const all = madeGlobalPlanner(
    { a: new MadeDeployment({ prefill: 3, decode: 3 }), b: new MadeDeployment({ decode: 4 }, { decode: 2 }) },
    options,
  );
  const metrics = new GlobalPlannerMetrics(() => all.planner);
  const app = globalPlannerApp({
    planner: all.planner,
    metrics,
    tokens: new BearerTokens(options.tokens ?? []),
    names: ["global-planner.llm"],
  });
  await all.planner.start();
  const request = (name: string, targets: Record<string, unknown>, more: Record<string, unknown> = {}) => ({
    caller_namespace: `ns-${name}`,
    graph_deployment_name: name,
    k8s_namespace: "default",
    target_replicas: Object.entries(targets).map(([role, count]) => ({
      sub_component_type: role,
      desired_replicas: count,
    })),
    ...more,
  });
  const post = (body: unknown, headers: Record<string, string> = {}) =>
    app.inject({
      method: "POST",
      url: "/v1/scale",
      headers: { ...own, "content-type": "application/json", ...headers },
      payload: typeof body === "string" ? body : JSON.stringify(body),
    });
  const get = (url: string, headers: Record<string, string> = {}) =>
    app.inject({ method: "GET", url, headers: { ...own, ...headers } });
  return { ...all, app, metrics, request, post, get };
}

describe("POST /v1/scale", () => {
  it("answers as Dynamo's global planner does", async () => {
    const { post, request } = await made({ band: [null, 15] });
    const granted = await post(
      request("a", { decode: 4 }, { blocking: false, timestamp: 1e9, predicted_load: { isl: 9 } }),
    );
    expect(granted.statusCode).toBe(200);
    expect(granted.json()).toEqual({
      status: "success",
      message: "Scaled a successfully: decode 3 → 4; 15 GPUs asked for, budget no floor to 15",
      current_replicas: { prefill: 3, decode: 4 },
      outcome: "applied",
    });
    const denied = await post(request("a", { decode: 5 }));
    expect(denied.statusCode).toBe(200);
    expect(denied.json()).toMatchObject({
      status: "rejected",
      message: "GPU budget breach: total 16 exceeds ceiling (15); no feasible pair packing",
    });
  });

  it.each([
    ["no JSON", "{", 400, "not JSON"],
    ["a list", "[]", 400, "the body"],
    ["nothing", "{}", 400, "caller_namespace"],
    ["a count that is none", { targets: { decode: -1 } }, 400, "target_replicas.0.desired_replicas: found -1"],
    ["a fraction", { targets: { decode: 1.5 } }, 400, "target_replicas.0.desired_replicas"],
    ["a role that is none", { targets: { encode: 1 } }, 400, "target_replicas.0.sub_component_type"],
    ["no targets", { targets: {} }, 400, "target_replicas"],
    [
      "a name that would break a key",
      { targets: { decode: 1 }, more: { caller_namespace: "a/../b" } },
      400,
      "caller_namespace",
    ],
    ["a deployment that there is not", { name: "z", targets: { decode: 1 } }, 404, "found no z"],
    ["a role that the deployment lacks", { name: "b", targets: { prefill: 1 } }, 404, "b has no prefill workers"],
  ] as const)("%s is refused, with its place", async (_, body, status, message) => {
    const { post, request, platform } = await made();
    const sent =
      typeof body === "string"
        ? body
        : request("name" in body ? body.name : "a", body.targets, "more" in body ? body.more : {});
    const answer = await post(sent);
    expect(answer.statusCode).toBe(status);
    expect(answer.json().error).toContain(message);
    expect(platform.log).toEqual([]);
  });

  it("a role twice is refused", async () => {
    const { post, request } = await made();
    const twice = request("a", { decode: 4 });
    twice.target_replicas.push(twice.target_replicas[0]!);
    expect((await post(twice)).json().error).toContain("each sub_component_type once");
  });

  it("a namespace that is not managed is told so, in Dynamo's shape, too", async () => {
    const { post, request } = await made({ settings: { managedNamespaces: ["ns-b"] } });
    const answer = await post(request("a", { decode: 4 }));
    expect(answer.statusCode).toBe(403);
    expect(answer.json()).toEqual({
      status: "error",
      message: "Namespace ns-a not authorized: this global planner manages ns-b",
      error: "Namespace ns-a not authorized: this global planner manages ns-b",
      current_replicas: {},
    });
  });

  it("at the end: try again", async () => {
    const { post, request, planner } = await made();
    await planner.stop();
    const answer = await post(request("a", { decode: 4 }));
    expect(answer.statusCode).toBe(503);
    expect(answer.headers["retry-after"]).toBe("1");
  });

  it("a body beyond all measure is not read", async () => {
    const { post, request } = await made();
    expect((await post(request("a", { decode: 4 }, { predicted_load: { x: "y".repeat(20_000) } }))).statusCode).toBe(
      413,
    );
  });
});

describe("what it shows", () => {
  it("a deployment, for the planners of those who can't see it themselves", async () => {
    const { get, platform } = await made();
    const path = "/v1/deployment?caller_namespace=ns-b&graph_deployment_name=b&k8s_namespace=default&roles=decode";
    expect((await get(path)).json()).toEqual({
      ready: true,
      not_ready_reason: null,
      model: null,
      roles: { decode: { component: "decode", desired: 4, ready: 1, stable: false, gpus_per_replica: 2 } },
    });
    platform.deployments.b!.reading = "unknown";
    expect((await get(path)).statusCode).toBe(424);
    expect((await get(path.replace("roles=decode", "roles=all"))).json().error).toContain('roles: found "all"');
    expect((await get("/v1/deployment")).statusCode).toBe(400);
  });

  it("its state and its decisions, with all that they came from", async () => {
    const { get, post, request } = await made({ band: [4, 14] });
    await post(request("a", { decode: 4 }, { predicted_load: { num_requests: 600, isl: 3000 } }));
    await post(request("b", { decode: 2 }));
    expect((await get("/v1/state")).json()).toMatchObject({
      environment: "made",
      min_total_gpus: 4,
      max_total_gpus: 14,
      intent_cache_ttl_seconds: 360,
      total_gpus: 11,
      deployments: [
        { id: "a", seen: true, roles: { prefill: { desired: 3, gpus_per_replica: 1 }, decode: { desired: 4 } } },
        { id: "b", roles: { decode: { desired: 2, gpus_per_replica: 2 } } },
      ],
      intents: [
        { deployment: "a", role: "decode", replicas: 4, predictedLoad: { num_requests: 600, isl: 3000 } },
        { deployment: "b" },
      ],
      decisions: [{ request: { predictedLoad: { num_requests: 600 } } }, { request: { predictedLoad: null } }],
    });
    const { decisions } = (await get("/v1/decisions?after=1&limit=5")).json() as { decisions: DecisionRecord[] };
    expect(decisions.map(({ number, decision }) => [number, decision?.verdict])).toEqual([[2, "paired"]]);
    expect((await get("/v1/decisions?limit=x")).statusCode).toBe(400);
    // A newer wish without a forecast does not keep that of the one before.
    await post(request("a", { decode: 4 }));
    expect((await get("/v1/state")).json().intents[0]).not.toHaveProperty("predictedLoad");
  });

  it("its health without a token, all else with one alone", async () => {
    const { get, post, request } = await made({ tokens: ["secret"], settings: { managedNamespaces: ["ns-a"] } });
    expect((await get("/health")).json()).toEqual({
      status: "healthy",
      component: "GlobalPlanner",
      managed_namespaces: ["ns-a"],
    });
    for (const path of ["/metrics", "/v1/state", "/v1/decisions", "/v1/deployment"]) {
      expect((await get(path)).statusCode, path).toBe(401);
    }
    expect((await post(request("a", { decode: 4 }))).statusCode).toBe(401);
    expect((await post(request("a", { decode: 4 }), { authorization: "Bearer secret" })).statusCode).toBe(200);
  });

  it("nobody who calls it by another name, nor another page", async () => {
    const { get, post, request } = await made();
    expect((await get("/v1/state", { host: "evil.example" })).statusCode).toBe(403);
    expect((await get("/v1/state", { host: "global-planner.llm:9087" })).statusCode).toBe(200);
    expect((await post(request("a", { decode: 4 }), { origin: "http://evil.example" })).statusCode).toBe(403);
  });

  it("metrics: what was asked, what came of it, and the budget", async () => {
    const { get, post, request, metrics, records } = await made({ band: [null, 15] });
    await post(request("a", { decode: 4 }));
    await post(request("a", { decode: 9 }));
    for (const record of records) metrics.record(record);
    const families = parsePrometheus((await get("/metrics")).body);
    const value = (name: string, labels: Record<string, string> = {}) =>
      [...families.values()]
        .flatMap(({ samples }) => samples)
        .find((sample) => {
          const wanted = Object.entries(labels);
          return (
            sample.name === `understudy_global_planner_${name}` &&
            wanted.every(([key, text]) => sample.labels[key] === text)
          );
        })?.value;
    expect(value("requests_total", { status: "success" })).toBe(1);
    expect(value("requests_total", { status: "rejected" })).toBe(1);
    expect(value("decisions_total", { verdict: "denied" })).toBe(1);
    expect(value("legs_total", { status: "applied" })).toBe(1);
    expect(value("gpus")).toBe(15);
    expect(value("max_total_gpus")).toBe(15);
    expect(value("min_total_gpus")).toBe(-1);
    expect(value("replicas", { deployment: "a", role: "decode" })).toBe(4);
    expect(value("intents")).toBe(1);
    expect(value("request_duration_seconds_count")).toBe(2);
  });
});
