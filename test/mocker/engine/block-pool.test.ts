import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { uniqueContentId } from "../../../mocker/engine/content.ts";
import { BlockPool } from "../../../mocker/engine/skipping/block-pool.ts";
import type { KvEvent } from "../../../mocker/engine/types.ts";

interface Block {
  content: number;
  owners: number;
}

/** The pool as lists: copies of a content in the order of their registration, blocks without owner by age. */
class ListedPool {
  readonly copies = new Map<number, Block[]>();
  readonly events: KvEvent[] = [];
  unowned: Block[] = [];
  owned = 0;
  readonly #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  create(content: number): Block {
    this.owned++;
    if (this.owned + this.unowned.length > this.#capacity) this.#forget(this.unowned.shift()!);
    const block = { content, owners: 1 };
    const copies = this.copies.get(content);
    if (copies === undefined) {
      this.copies.set(content, [block]);
      this.events.push({ kind: "stored", blockId: content });
    } else {
      copies.push(block);
    }
    return block;
  }

  share(block: Block): void {
    if (block.owners++ > 0) return;
    this.unowned = this.unowned.filter((other) => other !== block);
    this.owned++;
  }

  release(block: Block): void {
    if (--block.owners > 0) return;
    this.owned--;
    this.unowned.push(block);
  }

  #forget(block: Block): void {
    const left = this.copies.get(block.content)!.filter((other) => other !== block);
    if (left.length > 0) {
      this.copies.set(block.content, left);
      return;
    }
    this.copies.delete(block.content);
    this.events.push({ kind: "removed", blockId: block.content });
  }
}

/** Names as they come: those of shared prompts one after the other or far apart, and those of single requests, beyond 32 bits. */
const content = fc.oneof(
  fc.integer({ min: 1, max: 60 }),
  fc.integer({ min: 1, max: 20 }).map((chain) => chain * 4096),
  fc.record({ request: fc.integer({ min: 0, max: 3 }), block: fc.integer({ min: 0, max: 5 }) }).map((own) => {
    // Requests so far apart have names with the same lower 32 bits.
    return uniqueContentId(own.request * 4096, own.block);
  }),
);

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("create" as const), content }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("hit" as const), content }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("release" as const), pick: fc.nat() }) },
);

describe("the block pool", () => {
  it("finds the oldest copy of every content, and forgets the blocks that are longest without owner", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 120 }),
        fc.array(step, { maxLength: 400, size: "max" }),
        (capacity, steps) => {
          const events: KvEvent[] = [];
          const pool = new BlockPool(capacity, (event) => events.push(event));
          const listed = new ListedPool(capacity);
          const seen = new Set<number>();
          const recordOf = new Map<Block, number>();
          const held: Block[] = [];
          for (const step of steps) {
            if (step.kind === "create") {
              if (pool.room === 0) continue;
              pool.takeAnonymous(1);
              const block = listed.create(step.content);
              recordOf.set(block, pool.createRecord(step.content));
              seen.add(step.content);
              held.push(block);
            } else if (step.kind === "hit") {
              const block = listed.copies.get(step.content)?.[0];
              expect(pool.find(step.content)).toBe(block === undefined ? -1 : recordOf.get(block));
              if (block === undefined) continue;
              pool.share(recordOf.get(block)!);
              listed.share(block);
              held.push(block);
            } else if (held.length > 0) {
              const [block] = held.splice(step.pick % held.length, 1);
              pool.release(recordOf.get(block!)!);
              listed.release(block!);
            }
            expect(pool.owned).toBe(listed.owned);
          }
          expect(events).toEqual(listed.events);
          for (const each of seen) {
            const block = listed.copies.get(each)?.[0];
            expect(pool.find(each)).toBe(block === undefined ? -1 : recordOf.get(block));
          }
        },
      ),
    );
  });
});
