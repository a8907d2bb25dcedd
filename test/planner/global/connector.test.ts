import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { GlobalPlannerConnector, type ScaleOutcome, type ScaleRequest } from "#planner/connectors";
import type { Role, Targets } from "#planner/core";
import { connectorConformance } from "../connectors/conformance.ts";
import type { ConnectorFixture } from "../connectors/conformance-claims.ts";
import { targetsOf } from "../connectors/stores.ts";
import { VirtualFleet } from "./virtual-fixture.ts";

const BOTH = ["prefill", "decode"] as const;
const NAME = "vllm-disagg-planner";

async function fixture(
  roles: readonly Role[],
  settings: ConstructorParameters<typeof VirtualFleet>[0],
  outage: (fleet: VirtualFleet) => ConnectorFixture["outage"],
): Promise<ConnectorFixture> {
  const fleet = new VirtualFleet(settings, "secret");
  await fleet.environment(NAME).announce(targetsOf(roles, 1));
  await fleet.start();
  const silent = outage(fleet);
  return {
    roles,
    connect: () => fleet.connect(NAME, roles),
    asked: () => fleet.asked(NAME, roles),
    settle: () => fleet.settle(NAME),
    editByHand: (targets) => fleet.editByHand(NAME, targets),
    ...(silent === undefined ? {} : { outage: silent }),
    close: () => fleet.stop(),
  };
}

const budget = { band: { minGpus: 0, maxGpus: 100 } };

connectorConformance(
  "global-planner whose platform falls silent",
  () =>
    fixture(BOTH, budget, ({ cable }) => ({
      begin: async () => {
        cable.severed = true;
      },
      end: async () => {
        cable.severed = false;
      },
    })),
  { lacks: ["readiness"] },
);

connectorConformance(
  "global-planner that falls silent itself, of an aggregated deployment",
  () =>
    fixture(["decode"], {}, (fleet) => {
      const port = () => Number(new URL(fleet.url).port);
      return { begin: () => fleet.stop(), end: () => fleet.start(port()) };
    }),
  { lacks: ["readiness"] },
);

/** A global planner that answers as it is told to. */
class ScriptedServer {
  readonly requests: { path: string; body: unknown; authorization: string | undefined }[] = [];
  answers: { status: number; body: unknown; headers?: Record<string, string> }[] = [];
  readonly #server: Server;

  constructor() {
    this.#server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const text = Buffer.concat(chunks).toString();
      const { authorization } = request.headers;
      this.requests.push({ path: request.url!, body: text === "" ? null : JSON.parse(text), authorization });
      const answer = this.answers.length > 1 ? this.answers.shift()! : this.answers[0]!;
      response.writeHead(answer.status, { "content-type": "application/json", ...answer.headers });
      response.end(typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body));
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

const deployment = (decode: number) => ({
  ready: true,
  not_ready_reason: null,
  model: "llama",
  roles: { decode: { component: "Worker", desired: decode, ready: decode, stable: true, gpus_per_replica: 2 } },
});

describe("what a planner makes of the global planner's answers", () => {
  let server: ScriptedServer;
  let connector: GlobalPlannerConnector;
  /** Waits pass at once, and are noted. */
  let waits: number[];
  let nowMs: number;

  async function connect(): Promise<void> {
    server = new ScriptedServer();
    waits = [];
    nowMs = 0;
    connector = new GlobalPlannerConnector({
      url: `${await server.listen()}/`,
      token: "secret",
      callerNamespace: "llm-chat",
      graphDeploymentName: "chat",
      kubernetesNamespace: "llm",
      roles: ["decode"],
      gpusPerReplica: { decode: 2 },
      loadIntervalS: 60,
      random: () => 0.5,
      pace: {
        nowMs: () => nowMs,
        sleep: async (ms) => {
          waits.push(ms);
          nowMs += ms;
        },
      },
    });
  }

  afterEach(async () => {
    await connector?.close();
    await server?.close();
  });

  const scale = (targets: Partial<Targets>, forecast: ScaleRequest["forecast"] = null): Promise<ScaleOutcome> =>
    connector.scale({ targets, reason: "more load", decision: 1, forecast });

  it("asks with Dynamo's fields, and its token", async () => {
    await connect();
    server.answers = [{ status: 200, body: { status: "success", message: "Scaled", current_replicas: { decode: 3 } } }];
    expect(await scale({ decode: 3 })).toEqual({ status: "applied", message: "Scaled", inForce: { decode: 3 } });
    expect(server.requests).toMatchObject([
      {
        path: "/v1/scale",
        authorization: "Bearer secret",
        body: {
          caller_namespace: "llm-chat",
          graph_deployment_name: "chat",
          k8s_namespace: "llm",
          target_replicas: [{ sub_component_type: "decode", desired_replicas: 3, gpus_per_replica: 2 }],
          blocking: false,
          predicted_load: null,
          reason: "more load",
        },
      },
    ]);
    await connector.open().catch(() => {});
    expect(server.requests[1]!.path).toBe(
      "/v1/deployment?caller_namespace=llm-chat&graph_deployment_name=chat&k8s_namespace=llm&roles=decode",
    );
  });

  it("tells of the load that is expected: requests of an interval, and their mean lengths", async () => {
    await connect();
    server.answers = [{ status: 200, body: { status: "success", message: "Scaled", current_replicas: { decode: 3 } } }];
    await scale({ decode: 3 }, { requestRate: 2.5, isl: 3000, osl: 300 });
    expect(server.requests[0]!.body).toMatchObject({
      predicted_load: { num_requests: 150, isl: 3000, osl: 300, interval_seconds: 60 },
    });
  });

  it.each([
    [{ status: "rejected", message: "GPU budget breach: …", current_replicas: {} }, "refused"],
    [{ status: "rejected", message: "not ready", current_replicas: {}, outcome: "not-ready" }, "not-ready"],
    [{ status: "rejected", message: "held back", current_replicas: {}, outcome: "pending" }, "pending"],
    [{ status: "error", message: "409", current_replicas: {} }, "failed"],
  ] as const)("%j is told as it is", async (body, status) => {
    await connect();
    server.answers = [{ status: 200, body }];
    expect(await scale({ decode: 3 })).toEqual({ status, message: body.message, inForce: {} });
  });

  it("asks again after 429 and 5xx, as late as it is told", async () => {
    await connect();
    server.answers = [
      { status: 503, body: { error: "another leads" } },
      { status: 429, body: { error: "too many" }, headers: { "retry-after": "2" } },
      { status: 200, body: { status: "success", message: "Scaled", current_replicas: { decode: 3 } } },
    ];
    expect(await scale({ decode: 3 })).toMatchObject({ status: "applied" });
    expect(waits).toEqual([250, 2500]);
  });

  it("gives up in the end, and says why", async () => {
    await connect();
    server.answers = [{ status: 500, body: { error: "out of order" } }];
    const outcome = await scale({ decode: 3 });
    expect(outcome.status).toBe("failed");
    expect(outcome.message).toMatch(/it answers 500: out of order \(\d+ attempts\)/);
    expect(nowMs).toBeLessThanOrEqual(20_000 + 3_000);
  });

  it.each([
    [
      403,
      { status: "error", message: "Namespace llm-chat not authorized", error: "x", current_replicas: {} },
      /not authorized/,
    ],
    [401, { error: "a bearer token is needed" }, /401: a bearer token is needed/],
    [400, { error: "caller_namespace: found nothing" }, /400: caller_namespace/],
  ] as const)("%s is not asked again", async (status, body, message) => {
    await connect();
    server.answers = [{ status, body }];
    const outcome = await scale({ decode: 3 });
    expect(outcome.status).toBe(status === 403 ? "failed" : "refused");
    expect(outcome.message).toMatch(message);
    expect(server.requests).toHaveLength(1);
    await expect(connector.open()).rejects.toMatchObject({ code: "PLANNER_CONNECTOR_GLOBAL_PLANNER_REFUSES" });
  });

  it("does not take something else for a global planner", async () => {
    await connect();
    server.answers = [{ status: 200, body: "<html>" }];
    expect(await scale({ decode: 3 })).toMatchObject({ status: "failed", message: /its answer is not understood/ });
    expect(await connector.state()).toBeNull();
    await expect(connector.open()).rejects.toMatchObject({
      code: "PLANNER_CONNECTOR_GLOBAL_PLANNER_UNREACHABLE",
      exitCode: 1,
    });
  });

  it("takes a wish back that was denied and is not repeated", async () => {
    await connect();
    const rejected = { status: 200, body: { status: "rejected", message: "no", current_replicas: { decode: 1 } } };
    server.answers = [{ status: 200, body: deployment(1) }];
    await connector.state();
    server.answers = [rejected];
    await scale({ decode: 3 });
    server.answers = [{ status: 200, body: deployment(1) }];
    await connector.state();
    expect(server.requests).toHaveLength(3);
    // This tick there was no wish.
    server.answers = [
      { status: 200, body: deployment(1) },
      {
        status: 200,
        body: { status: "success", message: "as it is", current_replicas: { decode: 1 }, outcome: "unchanged" },
      },
    ];
    await connector.state();
    expect(server.requests.at(-1)!.body).toMatchObject({
      target_replicas: [{ sub_component_type: "decode", desired_replicas: 1 }],
      reason: "an earlier wish is taken back",
    });
    server.answers = [{ status: 200, body: deployment(1) }];
    await connector.state();
    expect(server.requests).toHaveLength(6);
  });
});
