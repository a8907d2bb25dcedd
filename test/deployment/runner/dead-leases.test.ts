import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { leaseFileName } from "#mocker/protocol";
import { removeDeadLeases } from "../../../src/deployment/runner/dead-leases.ts";

it("leases of workers that are no more go, those of their successors and of others stay", async () => {
  const folder = mkdtempSync(join(tmpdir(), "understudy-leases-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const lease = (id: string, port: number, renewedAt: number) => {
    const card = { id, url: `http://127.0.0.1:${port}` };
    const name = leaseFileName(card);
    writeFileSync(join(folder, name), JSON.stringify({ version: 1, card, renewedAt, ttlMs: 10_000 }));
    return name;
  };
  lease("decode-1", 1, 900);
  lease("decode-1-3", 2, 1000);
  const stay = [lease("decode-1", 3, 1001), lease("decode-10", 4, 900), lease("decode-1-x", 5, 900)];
  await removeDeadLeases(folder, ["decode-1"], 1000);
  expect(readdirSync(folder).sort()).toEqual(stay.sort());
});
