import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { FileStore, MemoryStore, openStore, type StoreAccess, StoreUnavailable } from "#planner/connectors";
import { EtcdServer } from "../../etcd.ts";
import { describeWithEtcd } from "../../tools.ts";
import { HttpStoreServer } from "./http-store-server.ts";
import { storeConformance } from "./store-conformance.ts";
import { temporaryFolder } from "./stores.ts";

storeConformance("in memory", async () => {
  const store = new MemoryStore();
  return { open: () => store, close: async () => {} };
});

storeConformance("in a folder", async () => {
  const folder = temporaryFolder();
  return { open: () => new FileStore(folder.path), close: async () => folder.remove() };
});

it("a folder that can't be made is no store, and is not tried for ever", async () => {
  const { path, remove } = temporaryFolder();
  onTestFinished(remove);
  writeFileSync(join(path, "file"), "");
  // Node's own way of making a folder with its parents never ends below /proc.
  for (const folder of [join(path, "file"), join(path, "file", "below"), "/proc/understudy/store"]) {
    await expect(new FileStore(folder).commit({ write: { a: "1" } })).rejects.toBeInstanceOf(StoreUnavailable);
  }
});

storeConformance(
  "over HTTP",
  async () => {
    const server = await HttpStoreServer.start(new MemoryStore());
    return {
      open: () => openStore({ kind: "http", url: server.url }),
      outage: { begin: () => server.stop(), end: () => server.run() },
      close: () => server.stop(),
    };
  },
  { canFail: true },
);

await describeWithEtcd("etcd", (etcd) => {
  storeConformance(
    "in etcd",
    async () => {
      const server = await EtcdServer.start(etcd);
      return {
        open: () => openStore({ kind: "etcd", endpoints: [server.url] }),
        outage: { begin: () => server.kill(), end: () => server.run() },
        close: () => server.stop(),
      };
    },
    { canFail: true },
  );

  it("asks as the user that it is told, and logs in anew where its token is not good any more", async () => {
    const server = await EtcdServer.start(etcd);
    onTestFinished(() => server.stop());
    const call = async (path: string, body: unknown) => {
      const answer = await fetch(`${server.url}/v3/auth/${path}`, { method: "POST", body: JSON.stringify(body) });
      expect(answer.status, path).toBe(200);
    };
    await call("user/add", { name: "root", password: "secret" });
    await call("role/add", { name: "root" });
    await call("user/grant", { user: "root", role: "root" });
    await call("enable", {});
    const as = (access: StoreAccess) => {
      const store = openStore({ kind: "etcd", endpoints: [server.url] }, access);
      onTestFinished(() => store.close());
      return store;
    };
    const store = as({ username: "root", password: "secret" });
    expect(await store.commit({ write: { a: "1" } })).toBe(true);
    const { revision } = await store.read("a");
    const waiting = store.changed("a", revision, 60_000);
    await as({ username: "root", password: "secret" }).commit({ write: { a: "2" } });
    expect(await waiting).toBe(true);
    await expect(as({ username: "root", password: "guessed" }).read("a")).rejects.toThrow("authentication failed");
    await expect(as({}).read("a")).rejects.toThrow(StoreUnavailable);
    // Its tokens are in its memory alone.
    await server.kill();
    await server.run();
    expect((await store.read("a")).values.get("a")!.value).toBe("2");
  });

  it("is asked of the members that answer", async () => {
    const server = await EtcdServer.start(etcd);
    onTestFinished(() => server.stop());
    const store = openStore({ kind: "etcd", endpoints: ["http://127.0.0.1:1", `${server.url}/`] });
    onTestFinished(() => store.close());
    expect(await store.commit({ write: { a: "1" } })).toBe(true);
    expect((await store.read("a")).values.get("a")!.value).toBe("1");
  });
});

describe("the HTTP protocol", () => {
  async function served(tokens: readonly string[] = []) {
    const store = new MemoryStore();
    const server = await HttpStoreServer.start(store, tokens);
    onTestFinished(() => server.stop());
    const ask = (path: string, init: RequestInit = {}) => fetch(`${server.url}${path}`, init);
    return { store, server, ask };
  }

  it("answers a view with the store's revision as its ETag", async () => {
    const { store, ask } = await served();
    await store.commit({ write: { "v1/a": "1" } });
    const answer = await ask("/v1/kv?prefix=v1/");
    expect(answer.status).toBe(200);
    expect(answer.headers.get("etag")).toBe('"1"');
    expect(await answer.json()).toEqual({ revision: 1, values: { "v1/a": { value: "1", revision: 1 } } });
  });

  it("answers 304 where nothing has changed, and the new view as soon as something has", async () => {
    const { store, ask } = await served();
    await store.commit({ write: { a: "1" } });
    const unchanged = await ask("/v1/kv?prefix=a", { headers: { "If-None-Match": '"1"' } });
    expect(unchanged.status).toBe(304);
    const next = ask("/v1/kv?prefix=a", { headers: { "If-None-Match": '"1"', Prefer: "wait=60" } });
    await store.commit({ write: { a: "2" } });
    expect(await (await next).json()).toMatchObject({ revision: 2, values: { a: { value: "2" } } });
  });

  it("writes several keys together, or answers 409", async () => {
    const { ask } = await served();
    const post = (body: unknown) => ask("/v1/kv", { method: "POST", body: JSON.stringify(body) });
    expect((await post({ expect: { a: 0 }, write: { a: "1", b: "1" } })).status).toBe(200);
    expect((await post({ expect: { a: 0 }, write: { a: "2", b: "2" } })).status).toBe(409);
    expect(await (await ask("/v1/kv")).json()).toMatchObject({ values: { a: { value: "1" }, b: { value: "1" } } });
  });

  it.each([
    ["no JSON", "{"],
    ["no transaction", "[]"],
    ["nothing to write", '{"write": {}}'],
    ["a value that is no text", '{"write": {"a": 1}}'],
    ["an unknown field", '{"write": {"a": "1"}, "ttl": 5}'],
    ["a key of none", '{"write": {"": "1"}}'],
    ["a key with spaces", '{"write": {"a b": "1"}}'],
    ["an expectation that is no revision", '{"expect": {"a": -1}, "write": {"a": "1"}}'],
    ["too many keys", JSON.stringify({ write: Object.fromEntries([...Array(129).keys()].map((i) => [`k${i}`, ""])) })],
  ])("refuses %s, and writes nothing", async (_, body) => {
    const { store, ask } = await served();
    const answer = await ask("/v1/kv", { method: "POST", body });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toEqual({ error: expect.stringMatching(/\w/) });
    expect((await store.read("")).revision).toBe(0);
  });

  it("refuses an ETag that is none, other methods, and requests of other pages", async () => {
    const { ask } = await served();
    expect((await ask("/v1/kv", { headers: { "If-None-Match": "*" } })).status).toBe(400);
    expect((await ask("/v1/kv", { method: "DELETE" })).status).toBe(405);
    const foreign = { method: "POST", body: '{"write": {"a": "1"}}', headers: { Origin: "http://evil.example" } };
    expect((await ask("/v1/kv", foreign)).status).toBe(403);
  });

  it("asks for its token, but for its health", async () => {
    const { server, ask } = await served(["secret"]);
    expect((await ask("/v1/kv")).status).toBe(401);
    expect((await ask("/health")).status).toBe(200);
    const store = openStore({ kind: "http", url: server.url }, { token: "secret" });
    onTestFinished(() => store.close());
    expect(await store.commit({ write: { a: "1" } })).toBe(true);
    const stranger = openStore({ kind: "http", url: server.url }, { token: "guessed" });
    onTestFinished(() => stranger.close());
    await expect(stranger.read("")).rejects.toThrow("answered 401");
  });

  it("gives revisions above its forerunner's, whose clients wait for news", async () => {
    const forerunner = new MemoryStore(Date.now() - 60_000);
    await forerunner.commit({ write: { a: "1" } });
    const { revision } = await forerunner.read("");
    expect(await new MemoryStore(Date.now()).changed("", revision, 60_000)).toBe(true);
  });
});

describe("addresses", () => {
  it.each(["http://user:secret@host:1", "http://host?token=secret", "ftp://host", "http://"])(
    "refuses %s, which is no plain address",
    (url) => {
      const refused = expect.objectContaining({ code: "PLANNER_CONNECTOR_BAD_STORE" });
      expect(() => openStore({ kind: "http", url })).toThrow(refused);
      expect(() => openStore({ kind: "etcd", endpoints: ["http://host:2379", url] })).toThrow(refused);
    },
  );
});
