import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readPlannerConfig } from "#planner/config";
import { Fleet } from "#planner/sources";
import { buildSurface, loadProfile } from "#profiles";
import { sourceOf } from "../../src/cli/planner/source.ts";
import { FakeFeed, FakeServer, HandClock } from "../planner/sources/fake-deployment.ts";
import { runUnderstudy } from "./run-understudy.ts";

const PROFILE = "h200-llama-3.1-8b-fp8-tp1-estimate";
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "understudy-source-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("what a planner observes", () => {
  it("must be something: without frontends and Prometheus there is one clear error, and nothing is started", () => {
    const config = `{ environment: none, optimization_target: sla, profile_results_dir: ${PROFILE} }`;
    const { status, stdout, stderr } = runUnderstudy(folder, "planner", "--config", config);
    expect(status).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain("found neither frontends nor a Prometheus to observe");
    expect(stderr).toContain("--frontend-urls http://127.0.0.1:8000");
    expect(stderr).not.toContain("    at ");
  });

  it("needs a CA bundle that can be read, where one is named", () => {
    const prometheus =
      "metric_pulling_prometheus_endpoint: 'https://127.0.0.1:9', metric_pulling_prometheus_ca_bundle: no.pem";
    const config = `{ environment: none, optimization_target: sla, profile_results_dir: ${PROFILE}, ${prometheus} }`;
    const { status, stderr } = runUnderstudy(folder, "planner", "--config", config);
    expect(status).toBe(2);
    expect(stderr).toContain("error: metric_pulling_prometheus_ca_bundle");
    expect(stderr).toContain("no.pem can't be read");
  });

  it("is asked for as configured: the strategy's range, its token, and means as the strategy expects them", async () => {
    const prometheus = await new FakeServer().listen();
    const asked: { query: string; tenant: string | null; authorization: unknown }[] = [];
    prometheus.answer = (url, { headers }) => {
      const { searchParams } = url;
      asked.push({
        query: searchParams.get("query")!,
        tenant: searchParams.get("tenant"),
        authorization: headers.authorization,
      });
      return { body: JSON.stringify({ status: "success", data: { resultType: "vector", result: [] } }) };
    };
    try {
      const said: string[] = [];
      for (const strategy of ["sla-compat", "default"]) {
        const read = readPlannerConfig({
          flags: [],
          environment: {},
          config: JSON.stringify({
            environment: "none",
            optimization_target: "sla",
            profile_results_dir: PROFILE,
            strategy,
            throughput_adjustment_interval_seconds: 120,
            metric_pulling_prometheus_endpoint: prometheus.url,
            metric_pulling_prometheus_token: "secret",
            metric_pulling_prometheus_extra_query_params: { tenant: "a" },
          }),
        });
        const clock = new HandClock();
        const fleet = new Fleet({ frontends: [], workers: [] });
        const log = { info: (text: string) => said.push(text), warn: (text: string) => said.push(text) };
        const source = sourceOf(read, { clock, fleet, profile: loadProfile(PROFILE), log });
        for (let i = 0; i < 2; i++) {
          clock.ms += 5000;
          await source.observe();
        }
        await source.close();
        await fleet.close();
      }
      const queries = asked.map(({ query }) => query);
      const isl = "increase(dynamo_frontend_input_sequence_tokens_sum";
      expect(queries).toContain(`${isl}[120s])/${isl.replace("_sum", "_count")}[120s])`);
      const count = isl.replace("_sum", "_count");
      expect(queries).toContain(
        `label_replace(${isl}[60s]), "understudy_part", "sum", "", "") or label_replace(${count}[60s]), "understudy_part", "count", "", "")`,
      );
      expect(new Set(asked.map(({ tenant, authorization }) => `${tenant} ${authorization}`))).toEqual(
        new Set(["a Bearer secret"]),
      );
      // What is missing is told when it begins to be, not at every tick.
      expect(said.filter((text) => text.includes("Prometheus has no such series"))).toHaveLength(2);
    } finally {
      await prometheus.close();
    }
  });

  it("holds measured prefill against what the profile says of the tokens that were computed, cached ones left out", async () => {
    const feed = new FakeFeed();
    const frontend = await new FakeServer().listen();
    frontend.answer = (url) => feed.answer(url);
    const read = readPlannerConfig({
      flags: [],
      environment: {},
      config: JSON.stringify({
        environment: "none",
        profile_results_dir: PROFILE,
        strategy: "default",
        frontend_urls: [frontend.url],
      }),
    });
    const clock = new HandClock();
    const fleet = new Fleet({ frontends: [], workers: [] });
    const profile = loadProfile(PROFILE);
    const source = sourceOf(read, { clock, fleet, profile, log: { info: () => {}, warn: () => {} } });
    const profiledMs = async (cachedTokens: number) => {
      const id = `cached ${cachedTokens}`;
      feed.push(clock.ms + 1, id, "started", { isl: 3000, osl: 2 });
      feed.push(clock.ms + 2, id, "first_token", { ttftMs: 1, cachedTokens });
      clock.ms += 1000;
      return (await source.observe()).prefillProfiledS! * 1000;
    };
    try {
      const surface = buildSurface(profile, "robust");
      expect(await profiledMs(0)).toBeCloseTo(surface.ttftMs(3000), 5);
      const cachedMs = surface.ttftMs(2000) - surface.ttftMs(0);
      expect(cachedMs).toBeGreaterThan(1);
      expect(await profiledMs(2000)).toBeCloseTo(surface.ttftMs(3000) - cachedMs, 5);
    } finally {
      await source.close();
      await fleet.close();
      await frontend.close();
    }
  });
});
