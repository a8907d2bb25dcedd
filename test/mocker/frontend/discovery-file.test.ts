import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { holdLease, leaseFileName, readLeases } from "#mocker/protocol";
import { FileDiscovery } from "../../../mocker/frontend/discovery/file.ts";
import { chat, cleanup, frontend, until, worker } from "./ask.ts";
import { cardOf } from "./fake-worker.ts";

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "understudy-leases-"));
  cleanup(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

/** What a discovery tells. */
function listener() {
  const known = new Set<string>();
  return { known, add: (url: string) => void known.add(url), remove: (url: string) => void known.delete(url) };
}

describe("a lease", () => {
  it("holds the worker's card, is written anew on demand, and goes with its worker", async () => {
    const dir = join(folder(), "not", "there", "yet");
    const card = cardOf({ id: "decode/3", url: "http://127.0.0.1:1234", state: "starting" });
    const lease = await holdLease(dir, () => card, { ttlMs: 60_000 });
    expect((await readLeases(dir, Date.now())).map((found) => found.card)).toEqual([card]);
    card.state = "ready";
    await lease.renew();
    expect((await readLeases(dir, Date.now()))[0]!.card.state).toBe("ready");
    await lease.release();
    await lease.renew();
    expect(await readLeases(dir, Date.now())).toEqual([]);
  });

  it("is renewed in time", async () => {
    const dir = folder();
    const lease = await holdLease(dir, () => cardOf({ url: "http://h:1" }), { ttlMs: 30 });
    const renewed = async () => (JSON.parse(readFileSync(lease.path, "utf8")) as { renewedAt: number }).renewedAt;
    const first = await renewed();
    await until(async () => (await renewed()) > first);
    await lease.release();
  });

  it("has a name that stays in the folder, another one for every worker", () => {
    const names = ["decode/0", "../../etc/passwd", "decode-0", "ä", "x".repeat(500)].map((id) =>
      leaseFileName({ id, url: "http://h:1" }),
    );
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^[\w.-]{1,120}\.json$/);
    for (const name of names) expect(join("/leases", name).startsWith("/leases/")).toBe(true);
  });

  it("files that are none are left out", async () => {
    const dir = folder();
    writeFileSync(join(dir, "a.json"), "{");
    writeFileSync(join(dir, "b.json"), "null");
    writeFileSync(
      join(dir, "c.json"),
      JSON.stringify({ version: 2, card: cardOf(), renewedAt: Date.now(), ttlMs: 1e9 }),
    );
    writeFileSync(
      join(dir, "d.json"),
      JSON.stringify({ version: 1, card: { url: "file:///etc" }, renewedAt: 1e15, ttlMs: 1 }),
    );
    writeFileSync(join(dir, "readme.txt"), "leases");
    expect(await readLeases(dir, Date.now())).toEqual([]);
    expect(await readLeases(join(dir, "none"), Date.now())).toEqual([]);
  });
});

describe("discovery by a folder of leases", () => {
  it("tells of workers as they come and go", async () => {
    const dir = folder();
    const first = await holdLease(dir, () => cardOf({ id: "a", url: "http://h:1" }));
    const discovery = new FileDiscovery({ folder: dir, pollMs: 10 });
    const told = listener();
    await discovery.start(told);
    cleanup(() => discovery.stop());
    expect([...told.known]).toEqual(["http://h:1"]);
    const second = await holdLease(dir, () => cardOf({ id: "b", url: "http://h:2" }));
    await until(() => told.known.has("http://h:2"));
    await first.release();
    await until(() => !told.known.has("http://h:1"));
    await second.release();
  });

  it("a worker whose lease runs out is gone", async () => {
    const dir = folder();
    let now = Date.now();
    await holdLease(dir, () => cardOf({ url: "http://h:1" }), { ttlMs: 3_600_000 });
    const discovery = new FileDiscovery({ folder: dir, now: () => now });
    const told = listener();
    await discovery.start(told);
    cleanup(() => discovery.stop());
    now += 3_599_000;
    await discovery.look();
    expect(told.known.size).toBe(1);
    now += 2000;
    await discovery.look();
    expect(told.known.size).toBe(0);
  });

  it("a frontend serves by the workers that enter the folder", async () => {
    const dir = folder();
    const gateway = await frontend([], { discovery: { kind: "file", folder: dir } });
    const fake = await worker({ id: "w" });
    const lease = await holdLease(dir, () => fake.card);
    await gateway.whenReady(1);
    expect((await chat(gateway)).headers.get("x-worker-id")).toBe("w");
    await lease.release();
    await until(() => gateway.workers().length === 0);
  });
});
