import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type ControlCallOptions,
  ControlClient,
  type ControlClientOptions,
  type ControlFailure,
  type LocalEvent,
} from "#planner/connectors";
import { ControlServer, KEY, madeDeployment } from "./control-server.ts";
import { temporaryFolder } from "./stores.ts";

describe("client of the control API", () => {
  let server: ControlServer;
  let client: ControlClient;
  const others: ControlClient[] = [];

  beforeEach(async () => {
    server = await ControlServer.start(
      madeDeployment([
        { name: "Frontend", role: "frontend" },
        { name: "decode", role: "decode", gpusPerReplica: 2 },
      ]),
    );
    client = connect({ token: server.token });
  });

  afterEach(async () => {
    await Promise.all(others.splice(0).map((each) => each.close()));
    await server.stop();
  });

  function connect(options: Partial<ControlClientOptions>): ControlClient {
    const quick = { firstMs: 1, longestMs: 4, deadlineMs: 2_000 };
    const made = new ControlClient({ url: server.url, retry: quick, ...options });
    others.push(made);
    return made;
  }

  const once: ControlCallOptions = { deadlineMs: 0 };

  it("reads deployments as they are, and none where there is none", async () => {
    expect(await client.deployments()).toEqual([server.deployment]);
    expect(await client.deployment(KEY)).toEqual(server.deployment);
    expect(await client.deployment({ ...KEY, name: "another" })).toBeNull();
    expect(await client.deployment({ namespace: "../..", name: "a/b?c" })).toBeNull();
  });

  it("changes several components at once, and says which version it has seen", async () => {
    const { resourceVersion } = server.deployment!;
    const body = { replicas: { decode: 3, Frontend: 2 }, reason: "more load", resourceVersion };
    const after = await client.scale(KEY, body);
    expect(after).toEqual(server.deployment);
    expect(server.scaled).toEqual([body]);
    expect(after.components.map(({ name, replicas }) => [name, replicas])).toEqual([
      ["Frontend", 2],
      ["decode", 3],
    ]);
  });

  it.each([
    ["a version that is outdated", { replicas: { decode: 2 }, resourceVersion: 0 }, 409, "stale-version"],
    ["a component that is none", { replicas: { encode: 2 } }, 422, "unknown-component"],
    ["a count that is none", { replicas: { decode: -1 } }, 422, "bad-replicas"],
  ])("is refused %s at once", async (_, body, status, code) => {
    await expect(client.scale(KEY, body)).rejects.toMatchObject({ name: "ControlFailure", status, code });
    expect(server.scaled).toHaveLength(1);
  });

  it("waits for the next change, and for no longer than it was told", async () => {
    const { resourceVersion } = server.deployment!;
    const changed = client.changed(KEY, resourceVersion, 30_000);
    await expect.poll(() => server.waiting).toBe(1);
    server.settle();
    expect((await changed)!.resourceVersion).toBe(resourceVersion + 1);
    expect((await client.changed(KEY, resourceVersion, 30_000))!.resourceVersion).toBe(resourceVersion + 1);
    expect((await client.changed(KEY, resourceVersion + 1, 0))!.resourceVersion).toBe(resourceVersion + 1);
  });

  it("stops waiting when told to", async () => {
    const ended = new AbortController();
    const changed = client.changed(KEY, server.deployment!.resourceVersion, 30_000, { signal: ended.signal });
    const rejected = expect(changed).rejects.toMatchObject({ name: "ControlUnavailable" });
    await expect.poll(() => server.waiting).toBe(1);
    ended.abort();
    await rejected;
  });

  it("tries again what passes, for as long as the server asks it to wait", async () => {
    server.troubles.push({ status: 429, retryAfterS: 0 }, { status: 503 }, { status: 500, body: "<html>" });
    expect(await client.deployment(KEY)).toEqual(server.deployment);
    server.troubles.push({ status: 429, retryAfterS: 60 });
    await expect(client.deployment(KEY)).rejects.toMatchObject({
      name: "ControlUnavailable",
      message: expect.stringMatching(/1 attempts.*429/),
    });
  });

  it("says why no answer came, and finds a runner that came back", async () => {
    await server.stop();
    await expect(client.deployment(KEY, once)).rejects.toMatchObject({
      name: "ControlUnavailable",
      message: expect.stringContaining("ECONNREFUSED"),
    });
    await server.run();
    expect(await client.deployment(KEY)).toEqual(server.deployment);
  });

  it("takes no answer for a deployment that is none", async () => {
    for (const body of ["", "null", "[]", `{"name": "llama"}`]) {
      server.troubles.push({ status: 200, body });
      await expect(client.deployment(KEY)).rejects.toMatchObject({ name: "ControlUnavailable" });
    }
  });

  it("reads its token anew for every request", async () => {
    const folder = temporaryFolder();
    const tokenFile = join(folder.path, "token");
    const reading = connect({ tokenFile, token: "unused" });
    await expect(reading.deployment(KEY, once)).rejects.toMatchObject({
      message: expect.stringContaining("ENOENT"),
    });
    writeFileSync(tokenFile, "of another runner\n");
    const refused: unknown = await reading.deployment(KEY).catch((error: unknown) => error);
    expect((refused as ControlFailure).status).toBe(401);
    writeFileSync(tokenFile, `${server.token}\n`);
    expect(await reading.deployment(KEY)).toEqual(server.deployment);
    folder.remove();
  });

  it("reads a replica's log, or its end", async () => {
    server.logs.set("decode-0", "one\ntwo\nthree ✓");
    const read = async (replica: string, tail?: number) => {
      let text = "";
      for await (const part of client.logs(KEY, replica, tail === undefined ? {} : { tail })) text += part;
      return text;
    };
    expect(await read("decode-0")).toBe("one\ntwo\nthree ✓");
    expect(await read("decode-0", 1)).toBe("three ✓");
    await expect(read("decode-1")).rejects.toMatchObject({ status: 404, message: "there is no replica decode-1" });
  });

  it("reads events from where it was, and ends a deployment", async () => {
    const event = (seq: number): LocalEvent => ({
      seq,
      time: "2026-01-01T00:00:00.000Z",
      type: "Normal",
      reason: "Scaled",
      object: "decode",
      message: "decode 1 → 2",
      count: 1,
    });
    server.events.push(event(0), event(1));
    expect(await client.events(KEY)).toEqual({ items: server.events, next: 2 });
    expect(await client.events(KEY, 1)).toEqual({ items: [event(1)], next: 2 });
    expect(await client.remove(KEY)).toBe(true);
    expect(await client.remove(KEY)).toBe(false);
  });
});
