import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { readPlannerConfig } from "#planner/config";
import { openPlugins, PluggedPlanner } from "#planner/service";
import { active, observation } from "../observations.ts";
import { set, strategy } from "./scripted.ts";

const moduleFile = (name: string) => fileURLToPath(new URL(`modules/${name}`, import.meta.url));

/** The planner that a configuration with these plugins makes. */
async function planner(sections: Record<string, unknown>): Promise<PluggedPlanner> {
  const { config } = readPlannerConfig({ config: `${JSON.stringify({ strategy: "default", ...sections })}\n` });
  return new PluggedPlanner(strategy({ prefill: 4, decode: 5 }), await openPlugins(config.plugins), {
    deployment: {
      mode: "disagg",
      sla: config.sla,
      gpusPerWorker: { prefill: 1, decode: 1 },
      maxGpus: 16,
      minWorkers: config.budget.minEndpoints,
    },
    registeredMs: 0,
    requestTimeoutMs: config.plugins.requestTimeoutMs,
    tickMaxDurationMs: config.service.tickMaxDurationMs,
  });
}

const inProcess = (plugin: Record<string, unknown>) => ({
  plugin_registration: { in_process_plugins: [{ plugin_id: "mine", priority: 1, ...plugin }] },
});

const tick = (of: PluggedPlanner) =>
  of.tick(observation(5000, 10, { workers: { prefill: active(2), decode: active(3) } }));

describe("a plugin that is an ES module", () => {
  it("is made from its options", async () => {
    const plugged = await planner(
      inProcess({ plugin_type: "reconcile", module: moduleFile("business-hours.mjs"), options: { floor: 7 } }),
    );
    expect((await tick(plugged)).targets).toEqual({ prefill: 4, decode: 7 });
    await plugged.close();
  });

  it("may be exported ready-made", async () => {
    const plugged = await planner(inProcess({ plugin_type: "propose", module: moduleFile("freeze.mjs") }));
    const decision = await tick(plugged);
    expect(decision.targets).toBeNull();
    expect(decision.reasons[0]!.text).toBe("plugin mine rejects: frozen");
  });

  it.each([
    ["that is not there", { plugin_type: "propose", module: "./nowhere.mjs" }, /can't be loaded/],
    [
      "that refuses its options",
      { plugin_type: "reconcile", module: moduleFile("business-hours.mjs"), options: {} },
      /can't be made: floor must be a whole number/,
    ],
    [
      "of another stage",
      { plugin_type: "constrain", module: moduleFile("freeze.mjs") },
      /found no method constrain in its default export/,
    ],
  ])("%s ends the start, with its name", async (_what, plugin, expected) => {
    await expect(planner(inProcess(plugin))).rejects.toMatchObject({
      code: "PLANNER_PLUGIN_UNUSABLE",
      where: expect.stringContaining("plugin mine"),
      message: expect.stringMatching(expected),
    });
  });
});

describe("a plugin over HTTP", () => {
  let server: Server | undefined;

  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
  });

  async function serve(
    answer: (request: IncomingMessage, body: string, response: ServerResponse) => void,
  ): Promise<Record<string, unknown>> {
    server = createServer(async (request, response) => {
      let body = "";
      for await (const chunk of request) body += String(chunk);
      answer(request, body, response);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const endpoint = `http://127.0.0.1:${port}/plugins/`;
    return { plugin_id: "far", plugin_type: "propose", priority: 1, endpoint };
  }

  it("is asked at the path of its stage, with its token, and answers as a module does", async () => {
    const seen: unknown[] = [];
    const plugin = await serve((request, body, response) => {
      seen.push({ method: request.method, url: request.url, token: request.headers.authorization });
      const { protocolVersion, stage, targets } = JSON.parse(body) as Record<string, unknown>;
      seen.push({ protocolVersion, stage, targets });
      response.end(JSON.stringify(set("decode", 8)));
    });
    const plugged = await planner({ scheduling: { external_plugins: [{ ...plugin, auth_token: "s3cret" }] } });
    expect((await tick(plugged)).targets).toEqual({ prefill: 4, decode: 8 });
    expect(seen).toEqual([
      { method: "POST", url: "/plugins/v1/propose", token: "Bearer s3cret" },
      { protocolVersion: "1.0", stage: "propose", targets: { prefill: 2, decode: 3 } },
    ]);
    await plugged.close();
  });

  it.each([
    [
      "an error",
      (response: ServerResponse) => response.writeHead(500).end(JSON.stringify(set("decode", 8))),
      "it answered with status 500",
    ],
    ["no JSON", (response: ServerResponse) => response.end("<html>"), "its answer is no JSON"],
    ["too much", (response: ServerResponse) => response.end(" ".repeat(2 ** 20 + 1)), "its answer is longer than"],
    ["half an answer", (response: ServerResponse) => response.writeHead(200, { "content-length": 50 }).write("{"), ""],
  ])("that answers with %s has no opinion", async (what, answer, expected) => {
    const plugin = await serve((_request, _body, response) => {
      answer(response);
      if (what === "half an answer") response.destroy();
    });
    const decision = await tick(await planner({ scheduling: { external_plugins: [plugin] } }));
    expect(decision.targets).toEqual({ prefill: 4, decode: 5 });
    expect(decision.reasons.at(-1)!.code).toBe("plugin-failed");
    expect(decision.reasons.at(-1)!.text).toContain(expected);
  });

  it("that is not there has no opinion", async () => {
    const plugin = await serve((_request, _body, response) => response.end());
    server!.close();
    const decision = await tick(await planner({ scheduling: { external_plugins: [plugin] } }));
    expect(decision.targets).toEqual({ prefill: 4, decode: 5 });
    expect(decision.reasons.at(-1)!.text).toContain("ECONNREFUSED");
  });

  it("that does not answer in time has no opinion", async () => {
    const plugin = await serve(() => {});
    const sections = {
      scheduling: { external_plugins: [plugin] },
      plugin_registration: { transport: { request_timeout_seconds: 0.05 } },
    };
    const decision = await tick(await planner(sections));
    expect(decision.targets).toEqual({ prefill: 4, decode: 5 });
    expect(decision.reasons.at(-1)!.text).toContain("no answer within 50 ms");
  });
});
