import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { request } from "undici";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ControlClient, type LocalDeployment } from "#planner/connectors";
import {
  type ControlledRunner,
  lockState,
  planToJson,
  type RunPlan,
  StateFolder,
  startControlledRunner,
} from "#src/deployment";
import { processesWith } from "../../src/deployment/runner/identity.ts";
import { waitFor } from "../integration/processes.ts";
import { component, template } from "../integration/runner/plans.ts";

const KEY = { namespace: "default", name: "small" };
const PATH = "/v1/namespaces/default/deployments/small";
/** A frontend alone, and what ends at once as often as it is started. */
const PLAN: RunPlan = {
  ...{ ...KEY, apiVersion: "nvidia.com/v1beta1", model: null, notes: ["a note"] },
  components: [
    component("Frontend", "frontend", 1, template("frontend", ["frontend"])),
    component("Broken", "other", 0, template("command", ["frontend", "--no-such-flag"])),
  ],
};

let folder: string;
let unlock: () => void;
let controlled: ControlledRunner;
let client: ControlClient;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "understudy-control-"));
  const state = new StateFolder(folder);
  unlock = lockState(state);
  controlled = await startControlledRunner({ state, timeScale: 100, frontendPort: 0 });
  client = new ControlClient(controlled.address);
  await controlled.runner.apply(PLAN);
  await until(({ ready }) => ready);
});
afterAll(async () => {
  await client.close();
  await controlled.close("kill");
  unlock();
  rmSync(folder, { recursive: true, force: true });
});

function until(matches: (view: LocalDeployment) => boolean): Promise<LocalDeployment> {
  return waitFor(
    "the deployment to be as expected",
    async () => {
      const view = await client.deployment(KEY);
      return view !== null && matches(view) ? view : null;
    },
    60_000,
  );
}

/** As at first: what drains counts no more for what is ready, and changes the deployment once more when it has ended. */
function settled(): Promise<LocalDeployment> {
  return until(({ ready, replicas }) => ready && replicas.length === 1);
}

/** Status and body of a raw request with the right token, unless told otherwise. */
async function raw(path: string, init: RequestInit & { token?: string } = {}): Promise<[number, unknown]> {
  const token = init.token ?? readFileSync(controlled.address.tokenFile, "utf8").trim();
  const type = init.body === undefined ? {} : { "content-type": "application/json" };
  const headers = { authorization: `Bearer ${token}`, ...type, ...init.headers };
  const response = await fetch(`${controlled.address.url}${path}`, { ...init, headers });
  const text = await response.text();
  return [response.status, text === "" ? null : JSON.parse(text)];
}

const fault = (code: string) => ({ error: expect.objectContaining({ code, message: expect.any(String) }) });
const scale = (body: unknown) => raw(`${PATH}/scale`, { method: "PATCH", body: JSON.stringify(body) });

describe("who may ask", () => {
  it("needs the token", async () => {
    expect(await raw("/v1/deployments", { token: "another" })).toEqual([401, fault("unauthorized")]);
    const bare = await fetch(`${controlled.address.url}/v1/deployments`);
    expect([bare.status, bare.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
  });

  it("must mean this server, and be no other page", async () => {
    const token = readFileSync(controlled.address.tokenFile, "utf8").trim();
    const asked = async (headers: Record<string, string>, method: "GET" | "DELETE" = "GET") => {
      const { statusCode, body } = await request(`${controlled.address.url}${PATH}`, {
        method,
        headers: { authorization: `Bearer ${token}`, ...headers },
      });
      await body.dump();
      return statusCode;
    };
    expect(await asked({ host: "rebound.example:80" })).toBe(403);
    expect(await asked({ origin: "http://evil.example" }, "DELETE")).toBe(403);
    expect(await asked({ "sec-fetch-site": "cross-site" }, "DELETE")).toBe(403);
    expect(await asked({ host: "localhost:1" })).toBe(200);
  });
});

describe("deployments", () => {
  it("are listed and shown as they are", async () => {
    const view = await client.deployment(KEY);
    expect(await client.deployments()).toEqual([view]);
    expect(view).toMatchObject({
      ...{ ...KEY, apiVersion: "nvidia.com/v1beta1", state: "successful", ready: true, notes: ["a note"] },
      message: "All resources are ready",
      replicas: [{ name: "frontend-0", component: "Frontend", state: "ready", restarts: 0, url: view!.frontendUrl }],
    });
    expect((await fetch(`${view!.frontendUrl}/live`)).status).toBe(200);
    expect(await raw("/v1/namespaces/default/deployments/other")).toEqual([404, fault("not-found")]);
    expect(await raw("/v1/nothing")).toEqual([404, fault("not-found")]);
  });

  it("answer a long poll when they change, else when its time is over", async () => {
    const { resourceVersion } = (await client.deployment(KEY))!;
    const unchanged = await client.changed(KEY, resourceVersion, 1000);
    expect(unchanged?.resourceVersion).toBe(resourceVersion);
    const changed = client.changed(KEY, resourceVersion, 60_000);
    await client.scale(KEY, { replicas: { Broken: 1 } });
    expect((await changed)?.resourceVersion).toBeGreaterThan(resourceVersion);
    await client.scale(KEY, { replicas: { Broken: 0 } });
    await settled();
    expect(await raw(`${PATH}?resourceVersion=x`)).toEqual([400, fault("bad-query")]);
    expect(await raw(`${PATH}?resourceVersion=1&wait=61`)).toEqual([400, fault("bad-query")]);
  });

  it("take all counts or none", async () => {
    expect(await scale({ replicas: { Frontend: 1, Nobody: 2 } })).toEqual([422, fault("unknown-component")]);
    for (const body of [{}, { replicas: {} }, { replicas: { Broken: -1 } }, { replicas: { Broken: 1.5 } }, []]) {
      expect(await scale(body)).toEqual([422, fault("bad-scale")]);
    }
    expect(await scale({ replicas: { Broken: 1 }, resourceVersion: 1 })).toEqual([409, fault("stale-version")]);
    expect((await raw(`${PATH}/scale`, { method: "PATCH", body: "{" }))[0]).toBe(400);
    expect((await raw(`${PATH}/scale`, { method: "PATCH", body: `"${"x".repeat(300_000)}"` }))[0]).toBe(413);
    const view = (await client.deployment(KEY))!;
    expect(view.components.map(({ replicas }) => replicas)).toEqual([1, 0]);
    const { resourceVersion } = view;
    expect(await scale({ replicas: { Frontend: 1 }, resourceVersion })).toEqual([200, view]);
  });

  it("start again what ends, later each time, and say why", async () => {
    const { next } = await client.events(KEY);
    await client.scale(KEY, { replicas: { Broken: 1 }, reason: "to see it fail" });
    const view = await until(({ replicas }) =>
      replicas.some(({ restarts, state }) => restarts >= 3 && state === "back-off"),
    );
    expect(view).toMatchObject({ ready: false, message: "Resources not ready: [Broken]" });
    expect(view.replicas.find(({ name }) => name === "broken-0")?.message).toMatch(
      /^exit code 2: error: .*--no-such-flag/,
    );
    const { items } = await client.events(KEY, next);
    expect(items[0]).toMatchObject({ reason: "Scaled", message: "from 0 to 1 replicas: to see it fail" });
    const restarts = items
      .filter(({ reason }) => reason === "BackOff")
      .map(({ message }) => /restarted .*/.exec(message)?.[0]);
    expect(restarts.slice(0, 3)).toEqual(["restarted at once", "restarted in 10s", "restarted in 20s"]);
    await client.scale(KEY, { replicas: { Broken: 0 } });
    await settled();
  });

  it("stream logs as they are written", async () => {
    await client.scale(KEY, { replicas: { Broken: 1 } });
    await until(({ replicas }) => replicas.some(({ restarts }) => restarts >= 1));
    const end = new AbortController();
    let text = "";
    for await (const chunk of client.logs(KEY, "broken-0", { follow: true, signal: end.signal })) {
      text += chunk;
      // What the next start writes comes, too.
      if (text.split("--no-such-flag").length > 2) break;
    }
    end.abort();
    expect(text).toContain("error: unknown option '--no-such-flag'");
    let tail = "";
    for await (const chunk of client.logs(KEY, "broken-0", { tail: 1 })) tail += chunk;
    expect(tail.trim().split("\n")).toHaveLength(1);
    expect(await raw(`${PATH}/logs/nobody`)).toEqual([404, fault("not-found")]);
    await client.scale(KEY, { replicas: { Broken: 0 } });
    await settled();
  });

  it("take over a plan that has changed, and none that is none", async () => {
    const put = (body: unknown) => raw(PATH, { method: "PUT", body: JSON.stringify(body) });
    for (const body of [{}, [], { ...planToJson(PLAN), name: "other" }, { ...planToJson(PLAN), components: [{}] }]) {
      expect(await put(body)).toEqual([422, fault("bad-plan")]);
    }
    const before = (await client.deployment(KEY))!;
    const [frontend, broken] = PLAN.components;
    const changed = { ...PLAN, components: [{ ...frontend!, revision: "2" }, broken!] };
    expect((await put(planToJson(changed)))[0]).toBe(200);
    const after = await until(({ ready, replicas }) => ready && replicas[0]?.pid !== before.replicas[0]!.pid);
    expect(after.generation).toBe(before.generation + 1);
    expect(after.frontendUrl).toBe(before.frontendUrl);
  });

  it("are gone after their removal, with all processes", async () => {
    expect((await raw(PATH, { method: "DELETE" }))[0]).toBe(202);
    expect((await scale({ replicas: { Broken: 1 } }))[1]).toEqual(fault("not-ready"));
    await waitFor("it to be gone", async () => (await client.deployment(KEY)) === null, 60_000);
    const { path } = new StateFolder(folder).deployment(KEY);
    expect(processesWith("UNDERSTUDY_DEPLOYMENT", path)).toEqual([]);
    expect(new StateFolder(folder).deployments()).toEqual([]);
  });
});
