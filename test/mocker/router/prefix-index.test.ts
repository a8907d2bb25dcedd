import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PrefixIndex } from "#mocker/router";

const WORKERS = ["a", "b", "c", "d"];

function matched(index: PrefixIndex, blocks: (number | bigint)[], workers: string[] = WORKERS): number[] {
  return [...index.match(blocks, blocks.length, workers, workers.length).cached.subarray(0, workers.length)];
}

describe("the prefix index", () => {
  it("tells leading blocks per worker, equal hashes being equal whatever object they are", () => {
    const index = new PrefixIndex(100);
    index.stored("a", [11n, 12n]);
    index.stored("b", [12n]);
    index.stored("c", [11n, 12n, 13n]);
    expect(matched(index, [BigInt("11"), BigInt("12"), BigInt("13")])).toEqual([2, 0, 3, 0]);
  });

  it("holds no more than it may per worker, the oldest going first", () => {
    const index = new PrefixIndex(2);
    index.stored("a", [1]);
    index.stored("a", [2]);
    index.stored("a", [1]);
    index.stored("a", [3]);
    expect(index.cachedBlocks("a")).toBe(2);
    expect(matched(index, [1])).toEqual([1, 0, 0, 0]);
    expect(matched(index, [2])).toEqual([0, 0, 0, 0]);
    expect(index.size).toBe(2);
  });

  it("gives the place of a worker that left to another, without its blocks", () => {
    const index = new PrefixIndex(10);
    index.stored("a", [1, 2]);
    index.workerRemoved("a");
    index.stored("b", [2]);
    expect(matched(index, [1, 2])).toEqual([0, 0, 0, 0]);
    expect(matched(index, [2])).toEqual([0, 1, 0, 0]);
    expect(index.size).toBe(1);
  });

  it("agrees with a set per worker, whatever happens in whatever order", () => {
    const block = fc.nat(6);
    const worker = fc.constantFrom(...WORKERS);
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ what: fc.constant("stored" as const), worker, blocks: fc.array(block) }) },
      { weight: 2, arbitrary: fc.record({ what: fc.constant("removed" as const), worker, blocks: fc.array(block) }) },
      fc.record({ what: fc.constant("cleared" as const), worker, blocks: fc.constant([]) }),
      fc.record({ what: fc.constant("gone" as const), worker, blocks: fc.constant([]) }),
    );
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 30 }),
        fc.array(fc.uniqueArray(block), { minLength: 1 }),
        (steps, prompts) => {
          const index = new PrefixIndex(1000);
          const model = new Map(WORKERS.map((name) => [name, new Set<number>()]));
          for (const each of steps) {
            const held = model.get(each.worker)!;
            if (each.what === "stored") {
              index.stored(each.worker, each.blocks);
              for (const b of each.blocks) held.add(b);
            } else if (each.what === "removed") {
              index.removed(each.worker, each.blocks);
              for (const b of each.blocks) held.delete(b);
            } else {
              if (each.what === "cleared") index.cleared(each.worker);
              else index.workerRemoved(each.worker);
              held.clear();
            }
            for (const prompt of prompts) {
              const expected = WORKERS.map((name) => {
                const miss = prompt.findIndex((b) => !model.get(name)!.has(b));
                return miss < 0 ? prompt.length : miss;
              });
              expect(matched(index, prompt)).toEqual(expected);
            }
            expect(index.size).toBe(new Set([...model.values()].flatMap((set) => [...set])).size);
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it("counts blocks in use as the requests do that hold them, whatever happens to caches meanwhile", () => {
    const prompt = fc.uniqueArray(fc.nat(6), { maxLength: 5 });
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ what: fc.constant("use" as const), worker: fc.nat(3), blocks: prompt }) },
      { weight: 3, arbitrary: fc.record({ what: fc.constant("release" as const), worker: fc.nat(), blocks: prompt }) },
      fc.record({ what: fc.constant("stored" as const), worker: fc.nat(3), blocks: prompt }),
      fc.record({ what: fc.constant("gone" as const), worker: fc.nat(3), blocks: prompt }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), prompt, (steps, asked) => {
        const index = new PrefixIndex(1000);
        const held: { worker: string; blocks: number[]; handle: ReturnType<PrefixIndex["use"]> }[] = [];
        for (const { what, worker, blocks } of steps) {
          const name = WORKERS[worker % WORKERS.length]!;
          if (what === "use") held.push({ worker: name, blocks, handle: index.use(name, blocks, blocks.length) });
          else if (what === "stored") index.stored(name, blocks);
          else if (what === "gone") index.workerRemoved(name);
          else if (held.length > 0) {
            const [request] = held.splice(worker % held.length, 1);
            index.release(request!.worker, request!.handle);
          }
          const match = index.match(asked, asked.length, WORKERS, WORKERS.length);
          WORKERS.forEach((each, i) => {
            const used = new Set(
              held.filter((request) => request.worker === each).flatMap((request) => request.blocks),
            );
            expect(match.usedBlocks[i]).toBe(used.size);
            expect(index.usedBlocks(each)).toBe(used.size);
            const miss = asked.findIndex((block) => !used.has(block));
            expect(match.used[i]).toBe(miss < 0 ? asked.length : miss);
          });
        }
        for (const { worker, handle } of held) index.release(worker, handle);
        for (const worker of WORKERS) index.workerRemoved(worker);
        expect(index.size).toBe(0);
      }),
      { numRuns: 200 },
    );
  });
});
