import { randomFillSync } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { collectFiles, readJob, type ShardJob, unpackFiles } from "#src/executor";
import { completedIndexes } from "../../src/executor/kubernetes/indexes.ts";
import { failuresOf, waitingPods } from "../../src/executor/kubernetes/pods.ts";
import { type ResultObject, resultMaps, resultOf } from "../../src/executor/kubernetes/results.ts";
import { jobPiece, packJob, piecesOf } from "../../src/executor/pack.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "understudy-pack-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const JOB: ShardJob = {
  kind: "run",
  version: "1",
  common: { engine: "skipping" },
  shards: [{ a: 1 }, { a: 2 }],
  startTogether: false,
  files: null,
};

describe("a job", () => {
  it("comes back from its pieces in a folder, from one file, and from JSON by hand", () => {
    const pieces = join(folder, "pieces");
    mkdirSync(pieces);
    piecesOf(packJob(JOB), 20).forEach((bytes, i) => {
      writeFileSync(join(pieces, jobPiece(i)), bytes);
    });
    expect(readdirSync(pieces).length).toBeGreaterThan(3);
    expect(readJob(pieces)).toEqual({ job: JOB, secret: null });
    writeFileSync(join(pieces, "secret.json"), '{"apiKey":"k"}');
    expect(readJob(pieces).secret).toEqual({ apiKey: "k" });
    writeFileSync(join(folder, "job.gz"), packJob(JOB));
    expect(readJob(join(folder, "job.gz")).job).toEqual(JOB);
    writeFileSync(join(folder, "job.json"), JSON.stringify(JOB));
    expect(readJob(join(folder, "job.json")).job).toEqual(JOB);
  });

  it.each([
    ["an empty folder", () => folder, "no piece"],
    ["no JSON", () => written("{"), "something else"],
    ["no job", () => written("{}"), "no kind or no shards"],
  ])("%s is refused", (_, path, why) => {
    expect(() => readJob(path())).toThrow(why);
  });

  const written = (text: string) => {
    const path = join(folder, "job");
    writeFileSync(path, text);
    return path;
  };

  it("falls into pieces that make it whole again, none of them too large", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 100 }), (bytes, size) => {
        const pieces = piecesOf(bytes, size);
        expect(Buffer.concat(pieces).equals(bytes)).toBe(true);
        expect(pieces.length).toBeGreaterThan(0);
        expect(pieces.every((piece) => piece.length <= size)).toBe(true);
      }),
    );
  });
});

describe("files", () => {
  it("keep their places to each other, and those of a profile stay together", () => {
    const lay = (path: string, text: string) => {
      mkdirSync(join(folder, path, ".."), { recursive: true });
      writeFileSync(join(folder, path), text);
    };
    lay("work/scenarios/a.yaml", "a");
    lay("data/results/selected_prefill_interpolation/raw_data.npz", "p");
    lay("data/results/selected_decode_interpolation/raw_data.npz", "d");
    lay("data/results/unrelated.txt", "u");
    lay("data/traces/x.jsonl", "x");
    lay("data/traces/deep/y.jsonl", "y");
    const cwd = join(folder, "work");
    const packed = collectFiles(
      ["scenarios/a.yaml", "../data/results/selected_prefill_interpolation/raw_data.npz", "../data/traces"],
      cwd,
    );
    expect(JSON.stringify(packed)).not.toContain(folder);
    const elsewhere = join(folder, "elsewhere");
    const start = unpackFiles(packed, elsewhere);
    expect(readFileSync(join(start, "scenarios/a.yaml"), "utf8")).toBe("a");
    expect(readFileSync(join(start, "../data/results/selected_decode_interpolation/raw_data.npz"), "utf8")).toBe("d");
    expect(readFileSync(join(start, "../data/traces/deep/y.jsonl"), "utf8")).toBe("y");
    expect(Object.keys(packed.contents).some((path) => path.includes("unrelated"))).toBe(false);
  });

  it("never leave the folder that they are laid out in", () => {
    const inner = join(folder, "inner");
    expect(() => unpackFiles({ cwd: "", contents: { "../evil": "" } }, inner)).toThrow(/leads out/);
    expect(() => unpackFiles({ cwd: "..", contents: {} }, inner)).toThrow(/leads out/);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("a shard's result in ConfigMaps", () => {
  const owner = { name: "understudy-run-1", uid: "u" };
  // As the API gives them back.
  const maps = (index: number, pod: string, bytes: Uint8Array) =>
    resultMaps(owner, index, pod, bytes) as unknown as ResultObject[];

  it("is whole again whatever else is there, in whatever order", () => {
    const large = randomFillSync(Buffer.alloc(2_000_000));
    const first = maps(0, "aaaaaaaa-1", large);
    expect(first).toHaveLength(3);
    for (const { binaryData } of first) expect(JSON.stringify(binaryData).length).toBeLessThan(1.4 * 2 ** 20);
    const half = maps(0, "bbbbbbbb-2", randomFillSync(Buffer.alloc(1_000_000))).slice(1);
    const other = maps(1, "cccccccc-3", Buffer.from("one"));
    const all = [...half, ...first.reverse(), ...other];
    expect(Buffer.from(resultOf(all, 0)!).equals(large)).toBe(true);
    expect(Buffer.from(resultOf(all, 1)!).toString()).toBe("one");
    expect(resultOf(all, 2)).toBeNull();
    expect(resultOf(half, 0)).toBeNull();
  });

  it("is none where a piece is not what was written", () => {
    const [map] = maps(0, "aaaaaaaa-1", Buffer.from("whole"));
    expect(resultOf([{ ...map!, binaryData: { part: Buffer.from("hole").toString("base64") } }], 0)).toBeNull();
  });
});

describe("what a Job tells", () => {
  it("indexes", () => {
    expect(completedIndexes(undefined)).toEqual([]);
    expect(completedIndexes("")).toEqual([]);
    expect(completedIndexes("0-3,5,7-8")).toEqual([0, 1, 2, 3, 5, 7, 8]);
  });

  const pod = (index: number, status: object) => ({
    metadata: { labels: { "batch.kubernetes.io/job-completion-index": String(index) } },
    status,
  });

  it("why pods wait", () => {
    expect(waitingPods([], 2)).toContain("service account");
    const unscheduled = { type: "PodScheduled", status: "False", reason: "Unschedulable", message: "0/1 nodes" };
    const pull = { state: { waiting: { reason: "ImagePullBackOff" } } };
    const text = waitingPods(
      [
        pod(0, { phase: "Running" }),
        pod(1, { phase: "Pending", conditions: [unscheduled] }),
        pod(2, { phase: "Pending", containerStatuses: [pull] }),
      ],
      4,
    );
    expect(text).toBe("1 × Unschedulable (0/1 nodes); 1 × ImagePullBackOff; 1 × no pod yet");
  });

  it("how shards failed", () => {
    const terminated = (exitCode: number, reason: string, message = "") => ({
      phase: "Failed",
      containerStatuses: [{ state: { terminated: { exitCode, reason, message } } }],
    });
    const failed = failuresOf(
      [
        pod(1, terminated(2, "Error", "error: no such file")),
        pod(2, terminated(137, "OOMKilled")),
        pod(3, { phase: "Failed", reason: "Evicted", message: "the node was low on memory" }),
      ],
      [1, 2, 3, 4],
    );
    expect(failed).toEqual([
      { index: 1, how: "exit code 2", tail: "error: no such file", code: 2 },
      { index: 2, how: "OOMKilled, exit code 137", tail: "", code: 137 },
      { index: 3, how: "Evicted", tail: "the node was low on memory", code: 1 },
      { index: 4, how: "its pod is gone", tail: "", code: 1 },
    ]);
  });
});
