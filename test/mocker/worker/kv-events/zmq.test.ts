import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { decode } from "@msgpack/msgpack";
import { expect, it, vi } from "vitest";
import { KvEventFeed } from "../../../../mocker/worker/kv-events/feed.ts";
import {
  openZmqPublisher,
  type ZmqPublisher,
  type ZmqPublisherOptions,
} from "../../../../mocker/worker/kv-events/zmq-publisher.ts";
import { ensurePythonVenv, ToolMissing } from "../../../../scripts/test-tools.ts";
import { describeWithTool } from "../../../tools.ts";
import { HandFedWorker } from "./hand-fed-worker.ts";

const TOKENS = Array.from({ length: 12 }, (_, i) => i + 1);

async function zeromq(): Promise<typeof import("zeromq")> {
  try {
    return await import("zeromq");
  } catch (error) {
    throw new ToolMissing(`the package zeromq can't be loaded: ${error instanceof Error ? error.message : error}`);
  }
}

async function withPublisher(
  options: Partial<ZmqPublisherOptions>,
  body: (hand: HandFedWorker, publisher: ZmqPublisher) => Promise<void>,
): Promise<void> {
  const hand = new HandFedWorker(options.dpSize ?? 1);
  const publisher = await openZmqPublisher(new KvEventFeed(hand.worker), {
    clock: hand.worker.clock,
    endpoint: "tcp://127.0.0.1:0",
    replayEndpoint: "tcp://127.0.0.1:0",
    dpSize: 1,
    blockSize: hand.blockSize,
    ...options,
  });
  try {
    await body(hand, publisher);
  } finally {
    publisher.close();
  }
}

/** vLLM's schema as its example subscriber has it, decoding what comes and printing it as JSON. */
const PYTHON = `
import json, sys
from typing import Any, Union
import msgspec, zmq

class EventBatch(msgspec.Struct, array_like=True, omit_defaults=True, gc=False):
    ts: float
    events: list[Any]
    data_parallel_rank: int | None = None

class KVCacheEvent(msgspec.Struct, array_like=True, omit_defaults=True, gc=False, tag=True):
    pass

class BlockStored(KVCacheEvent):
    block_hashes: list[int]
    parent_block_hash: int | None
    token_ids: list[int]
    block_size: int
    lora_id: int | None
    medium: str | None
    lora_name: str | None

class BlockRemoved(KVCacheEvent):
    block_hashes: list[int]
    medium: str | None

class AllBlocksCleared(KVCacheEvent):
    pass

class KVEventBatch(EventBatch):
    events: list[Union[BlockStored, BlockRemoved, AllBlocksCleared]]

decoder = msgspec.msgpack.Decoder(type=KVEventBatch)
context = zmq.Context()
replay = context.socket(zmq.DEALER)
replay.connect(sys.argv[2])
replay.send_multipart([b"", (0).to_bytes(8, "big")])
replayed = 0
while True:
    _, sequence, payload = replay.recv_multipart()
    if int.from_bytes(sequence, "big", signed=True) == -1:
        break
    decoder.decode(payload)
    replayed += 1
subscriber = context.socket(zmq.SUB)
subscriber.connect(sys.argv[1])
subscriber.setsockopt_string(zmq.SUBSCRIBE, "kv")
while True:
    topic, sequence, payload = subscriber.recv_multipart()
    batch = decoder.decode(payload)
    events = [{"kind": type(event).__name__, **{name: str(getattr(event, name)) for name in event.__struct_fields__}} for event in batch.events]
    print(json.dumps({"topic": topic.decode(), "sequence": int.from_bytes(sequence, "big"), "rank": batch.data_parallel_rank, "ts": batch.ts, "replayed": replayed, "events": events}), flush=True)
    if isinstance(batch.events[0], AllBlocksCleared):
        break
`;

await describeWithTool(
  "KV events over ZMQ, read in Python",
  async () => {
    await zeromq();
    return ensurePythonVenv(["pyzmq", "msgspec"]);
  },
  (python) => {
    it("decode by vLLM's schema, replayed and live", async () => {
      await withPublisher({ topic: "kv" }, async (hand, { endpoints, replayEndpoints }) => {
        const [marker] = hand.sequence([7, 7, 7, 7]) as [number];
        hand.stored([marker]);
        hand.passEnded();
        const child = spawn(python, ["-c", PYTHON, endpoints[0]!, replayEndpoints[0]!], {
          stdio: ["ignore", "pipe", "inherit"],
        });
        const ended = new Promise((resolve) => child.once("exit", resolve));
        const lines: string[] = [];
        createInterface({ input: child.stdout }).on("line", (line) => lines.push(line));
        try {
          await vi.waitFor(
            () => {
              hand.removed([marker]);
              hand.passEnded();
              expect(lines.length).toBeGreaterThan(0);
            },
            { timeout: 20_000, interval: 20 },
          );
          const [a, b, c] = hand.sequence(TOKENS) as [number, number, number];
          hand.stored([a, b, c]);
          hand.removed([b]);
          hand.passEnded();
          hand.cleared();
          expect(await ended).toBe(0);
          const [batch, last] = lines.slice(-2).map((line) => JSON.parse(line));
          expect(batch).toMatchObject({ topic: "kv", rank: 0 });
          expect(batch.replayed).toBeGreaterThan(0);
          expect(batch.ts).toBeCloseTo(Date.now() / 1000, -2);
          expect(last.sequence).toBe(batch.sequence + 1);
          expect(batch.events).toEqual([
            {
              kind: "BlockStored",
              block_hashes: `[${[a, b, c].map((id) => hand.hash(id)).join(", ")}]`,
              parent_block_hash: "None",
              token_ids: `[${TOKENS.join(", ")}]`,
              block_size: "4",
              lora_id: "None",
              medium: "GPU",
              lora_name: "None",
            },
            { kind: "BlockRemoved", block_hashes: `[${hand.hash(b)}]`, medium: "GPU" },
          ]);
          expect(last.events).toEqual([{ kind: "AllBlocksCleared" }]);
        } finally {
          child.kill();
        }
      });
    });
  },
);

await describeWithTool("KV events over ZMQ", zeromq, (zmq) => {
  const read = (payload: Uint8Array) => decode(payload, { useBigInt64: true }) as unknown[];

  /** A subscriber that is known to be connected: it has seen a message. */
  async function subscribed(hand: HandFedWorker, endpoint: string, dpRank = 0) {
    const subscriber = new zmq.Subscriber({ receiveTimeout: 5000, linger: 0 });
    subscriber.connect(endpoint);
    subscriber.subscribe("");
    const [marker] = hand.sequence([7, 7, 7, 7]) as [number];
    let received: Buffer[] | null = null;
    const first = subscriber.receive().then((frames) => {
      received = frames;
    });
    while (received === null) {
      hand.stored([marker], dpRank);
      hand.passEnded(dpRank);
      await Promise.race([first, new Promise((resolve) => setTimeout(resolve, 10))]);
    }
    return { subscriber, sequence: (received as Buffer[])[1]!.readBigUInt64BE() };
  }

  it("sends topic, sequence and a batch in vLLM's array form", async () => {
    await withPublisher({ topic: "kv@worker-1" }, async (hand, { endpoints }) => {
      const { subscriber, sequence } = await subscribed(hand, endpoints[0]!);
      const [a, b, c] = hand.sequence(TOKENS) as [number, number, number];
      hand.stored([a, b, c]);
      hand.removed([b]);
      hand.passEnded();
      hand.cleared();
      let frames = await subscriber.receive();
      // Markers that were published while the subscriber connected come first.
      while ((read(frames[2]!)[1] as unknown[]).length === 1) frames = await subscriber.receive();
      expect(frames[0]!.toString()).toBe("kv@worker-1");
      const at = frames[1]!.readBigUInt64BE();
      expect(at).toBeGreaterThan(sequence);
      const [timestamp, events, rank] = read(frames[2]!);
      expect(timestamp).toBeCloseTo(Date.now() / 1000, -2);
      expect(rank).toBe(0);
      expect(events).toEqual([
        ["BlockStored", [a, b, c].map((id) => hand.hash(id)), null, TOKENS, 4, null, "GPU", null],
        ["BlockRemoved", [hand.hash(b)], "GPU"],
      ]);
      const [, nextSequence, payload] = await subscriber.receive();
      expect(nextSequence!.readBigUInt64BE()).toBe(at + 1n);
      expect(read(payload!)[1]).toEqual([["AllBlocksCleared"]]);
      subscriber.close();
    });
  });

  it("replays from the sequence that is asked for, then says that this was all", async () => {
    await withPublisher({ ringBatches: 5 }, async (hand, { replayEndpoints }) => {
      const blocks = hand.sequence(Array.from({ length: 32 }, (_, i) => i));
      for (const block of blocks) {
        hand.stored([block]);
        hand.passEnded();
      }
      const request = new zmq.Dealer({ receiveTimeout: 5000, linger: 0 });
      request.connect(replayEndpoints[0]!);
      const replay = async (first: number) => {
        const start = Buffer.alloc(8);
        start.writeBigUInt64BE(BigInt(first));
        await request.send(["", start]);
        const replayed: [bigint, unknown][] = [];
        for (;;) {
          const [delimiter, sequence, payload] = await request.receive();
          expect(delimiter).toHaveLength(0);
          const number = sequence!.readBigInt64BE();
          if (number === -1n) {
            expect(payload).toHaveLength(0);
            return replayed;
          }
          replayed.push([number, (read(payload!)[1] as unknown[][])[0]![1]]);
        }
      };
      const hashes = (from: number) =>
        blocks.slice(from).map((block, i) => [BigInt(from + i), [hand.hash(block)]] as const);
      expect(await replay(6)).toEqual(hashes(6));
      // Five of eight batches are left.
      expect(await replay(0)).toEqual(hashes(3));
      expect(await replay(100)).toEqual([]);
      // What is no request is not answered, and does no harm.
      await request.send(["", "abc"]);
      await request.send("nonsense");
      expect(await replay(7)).toEqual(hashes(7));
      request.close();
    });
  });

  it("gives each rank a socket, and sequences of its own", async () => {
    await withPublisher({ dpSize: 2 }, async (hand, { endpoints, replayEndpoints }) => {
      expect(new Set([...endpoints, ...replayEndpoints]).size).toBe(4);
      const { subscriber } = await subscribed(hand, endpoints[1]!, 1);
      const [a] = hand.sequence(TOKENS) as [number];
      hand.stored([a], 0);
      hand.passEnded(0);
      hand.removed([a], 1);
      hand.passEnded(1);
      for (;;) {
        const [, events, rank] = read((await subscriber.receive())[2]!);
        expect(rank).toBe(1);
        if ((events as unknown[][])[0]![0] === "BlockRemoved") break;
      }
      subscriber.close();
    });
  });

  it("names events by type where it is told to, as Dynamo's mocker does", async () => {
    await withPublisher({ shape: "map" }, async (hand, { endpoints }) => {
      const { subscriber } = await subscribed(hand, endpoints[0]!);
      const [a] = hand.sequence(TOKENS) as [number];
      hand.removed([a]);
      hand.passEnded();
      for (;;) {
        const events = read((await subscriber.receive())[2]!)[1] as Record<string, unknown>[];
        if (events[0]!.type === "BlockStored") {
          expect(Object.keys(events[0]!)).toEqual(
            expect.arrayContaining(["block_hashes", "parent_block_hash", "token_ids", "block_size", "medium"]),
          );
          continue;
        }
        expect(events).toEqual([{ type: "BlockRemoved", block_hashes: [hand.hash(a)], medium: "GPU", group_idx: 0 }]);
        break;
      }
      subscriber.close();
    });
  });

  it("says which endpoint it can't have", async () => {
    await withPublisher({}, async (hand, { endpoints }) => {
      const second = openZmqPublisher(new KvEventFeed(hand.worker), {
        clock: hand.worker.clock,
        endpoint: endpoints[0]!,
        dpSize: 1,
        blockSize: 4,
      });
      await expect(second).rejects.toMatchObject({ code: "WORKER_ZMQ_CANNOT_BIND", where: endpoints[0] });
    });
  });
});
