import { createServer, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { PrefixIndex } from "#mocker/router";
import { type KvSubscription, subscribeKvEvents } from "../../../../mocker/frontend/kv-events/subscriber.ts";
import { KvEventStream, type KvEventStreamOptions } from "../../../../mocker/worker/kv-events/event-stream.ts";
import { KvEventFeed } from "../../../../mocker/worker/kv-events/feed.ts";
import { HandFedWorker } from "./hand-fed-worker.ts";

const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A hand-fed worker behind a real server, and a frontend's index that follows it. */
async function setUp(dpSize = 1, options: Partial<KvEventStreamOptions> = {}) {
  const hand = new HandFedWorker(dpSize);
  const responses: ServerResponse[] = [];
  const newStream = () => new KvEventStream(new KvEventFeed(hand.worker), { clock: hand.worker.clock, ...options });
  const setting = { stream: newStream(), status: 200 };
  const server: Server = createServer((request, response) => {
    responses.push(response);
    if (setting.status === 200) setting.stream.serve(request, response);
    else response.writeHead(setting.status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  closers.push(() => {
    setting.stream.close();
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  const index = new PrefixIndex(1000);
  const follow = (): KvSubscription => {
    const subscription = subscribeKvEvents({ url, worker: "w", index, dataParallelSize: dpSize, minBackoffMs: 5 });
    closers.push(() => subscription.close());
    return subscription;
  };
  const cached = (blockIds: number[]) => {
    const hashes = blockIds.map((id) => hand.hash(id));
    return index.match(hashes, hashes.length, ["w"], 1).cached[0]!;
  };
  const breakOff = () => {
    for (const response of responses.splice(0)) response.destroy();
  };
  return { hand, url, index, follow, cached, breakOff, setting, newStream };
}

const TOKENS = Array.from({ length: 20 }, (_, i) => i + 1);

describe("GET /kv_events, followed by a frontend", () => {
  it("begins with what is cached, then tells of every pass", async () => {
    const { hand, index, follow, cached } = await setUp();
    const blocks = hand.sequence(TOKENS);
    hand.stored(blocks.slice(0, 2));
    hand.passEnded();
    const subscription = follow();
    await vi.waitFor(() => expect(cached(blocks)).toBe(2));
    hand.stored(blocks.slice(2));
    hand.passEnded();
    await vi.waitFor(() => expect(cached(blocks)).toBe(5));
    hand.removed([blocks[3]!]);
    hand.passEnded();
    await vi.waitFor(() => expect(cached(blocks)).toBe(3));
    expect(index.cachedBlocks("w")).toBe(4);
    hand.cleared();
    await vi.waitFor(() => expect(index.cachedBlocks("w")).toBe(0));
    // A snapshot and four batches.
    expect(subscription.messages).toBe(4);
    expect(subscription.state).toBe("live");
  });

  it("goes on where it was after a break, without a snapshot", async () => {
    const { hand, follow, cached, breakOff } = await setUp();
    const blocks = hand.sequence(TOKENS);
    const subscription = follow();
    hand.stored(blocks.slice(0, 1));
    await vi.waitFor(() => expect(subscription.state).toBe("live"));
    hand.passEnded();
    await vi.waitFor(() => expect(cached(blocks)).toBe(1));
    const before = subscription.messages;
    breakOff();
    await vi.waitFor(() => expect(subscription.lastError).not.toBeNull());
    hand.stored(blocks.slice(1, 3));
    hand.passEnded();
    hand.stored(blocks.slice(3, 4));
    hand.passEnded();
    await vi.waitFor(() => expect(cached(blocks)).toBe(4));
    expect(subscription.messages).toBe(before + 2);
  });

  it("gets a snapshot where it missed more than the worker kept", async () => {
    const { hand, follow, cached, breakOff, index } = await setUp(1, { ringBatches: 4 });
    const blocks = hand.sequence(Array.from({ length: 60 }, (_, i) => i + 1));
    const subscription = follow();
    await vi.waitFor(() => expect(subscription.messages).toBe(1));
    breakOff();
    for (const block of blocks) {
      hand.stored([block]);
      hand.passEnded();
    }
    hand.removed([blocks[14]!]);
    hand.passEnded();
    await vi.waitFor(() => expect(cached(blocks)).toBe(14));
    expect(subscription.messages).toBe(2);
    expect(index.cachedBlocks("w")).toBe(14);
  });

  it("gets a snapshot from a worker that was restarted", async () => {
    const { hand, follow, cached, breakOff, setting, newStream } = await setUp();
    const blocks = hand.sequence(TOKENS);
    const subscription = follow();
    await vi.waitFor(() => expect(subscription.messages).toBe(1));
    hand.stored(blocks.slice(0, 3));
    hand.passEnded();
    await vi.waitFor(() => expect(cached(blocks)).toBe(3));
    setting.stream.close();
    setting.stream = newStream();
    hand.stored([blocks[0]!]);
    breakOff();
    await vi.waitFor(() => expect(cached(blocks)).toBe(1));
  });

  it("counts a block as cached while any rank has it", async () => {
    const { hand, follow, cached } = await setUp(2);
    const blocks = hand.sequence(TOKENS);
    follow();
    hand.stored(blocks, 0);
    hand.passEnded(0);
    hand.stored(blocks.slice(0, 2), 1);
    hand.passEnded(1);
    await vi.waitFor(() => expect(cached(blocks)).toBe(5));
    hand.removed(blocks, 0);
    hand.passEnded(0);
    await vi.waitFor(() => expect(cached(blocks)).toBe(2));
    hand.cleared(1);
    await vi.waitFor(() => expect(cached(blocks)).toBe(0));
  });

  it("gives up on a worker that has none, tries again where it only can't answer now", async () => {
    const { hand, follow, cached, setting } = await setUp();
    const blocks = hand.sequence(TOKENS);
    hand.stored(blocks);
    setting.status = 404;
    const hopeless = follow();
    await vi.waitFor(() => expect(hopeless.state).toBe("unsupported"));
    setting.status = 503;
    const patient = follow();
    await vi.waitFor(() => expect(patient.lastError).toContain("answered 503"));
    setting.status = 200;
    await vi.waitFor(() => expect(cached(blocks)).toBe(5));
  });

  it("forgets the worker's blocks when it is closed", async () => {
    const { hand, follow, cached, index, setting } = await setUp();
    const blocks = hand.sequence(TOKENS);
    hand.stored(blocks);
    const subscription = follow();
    await vi.waitFor(() => expect(cached(blocks)).toBe(5));
    subscription.close();
    expect(index.size).toBe(0);
    await vi.waitFor(() => expect(setting.stream.subscribers).toBe(0));
  });

  it("cuts off a subscriber that does not read, and keeps no more than its ring", async () => {
    const { hand, url, setting } = await setUp(1, { maxUnsentBytes: 65_536, ringCharacters: 20_000 });
    const { port } = new URL(url);
    const socket = connect(Number(port), "127.0.0.1");
    socket.on("error", () => undefined);
    closers.push(() => socket.destroy());
    socket.pause();
    socket.write("GET /kv_events HTTP/1.1\r\nhost: x\r\n\r\n");
    await vi.waitFor(() => expect(setting.stream.subscribers).toBe(1));
    const blocks = hand.sequence(Array.from({ length: 400 }, (_, i) => i));
    const rush = () => {
      for (let i = 0; i < 100; i++) {
        hand.stored(blocks);
        hand.passEnded();
      }
    };
    await vi.waitFor(
      () => {
        rush();
        expect(setting.stream.subscribers).toBe(0);
      },
      { timeout: 30_000, interval: 1 },
    );
    // Whoever comes now gets a snapshot, since the ring holds few of so large batches.
    const response = await fetch(`${url}/kv_events?since=1`);
    const { value } = await response.body!.getReader().read();
    expect(new TextDecoder().decode(value)).toContain("event: snapshot");
  });

  it("can be read by anybody: ids, named events, hashes as decimal texts, ?since=", async () => {
    const { hand, url, setting } = await setUp();
    const [first, second] = hand.sequence(TOKENS) as [number, number];
    hand.stored([first]);
    const read = async (path: string, headers: Record<string, string> = {}) => {
      const abort = new AbortController();
      const response = await fetch(`${url}${path}`, { headers, signal: abort.signal });
      expect(response.headers.get("content-type")).toBe("text/event-stream");
      const { value } = await response.body!.getReader().read();
      abort.abort();
      return new TextDecoder().decode(value);
    };
    const snapshot = await read("/kv_events");
    const life = /^id: ([0-9a-f]+)-1\nevent: snapshot\ndata: (.*)\n\n$/.exec(snapshot);
    expect(life).not.toBeNull();
    expect(JSON.parse(life![2]!).ranks).toEqual([
      {
        dp_rank: 0,
        blocks: [
          {
            block_hash: String(hand.hash(first)),
            tokens_hash: String(hand.worker.blockIdentity(first)!.tokensHash),
            parent_hash: null,
          },
        ],
      },
    ]);
    hand.stored([second]);
    hand.removed([first]);
    hand.passEnded();
    for (const text of [
      await read("/kv_events?since=1"),
      await read(`/kv_events?since=${life![1]}-1`),
      await read("/kv_events", { "last-event-id": `${life![1]}-1` }),
    ]) {
      const [id, event, data] = text.split("\n");
      expect([id, event]).toEqual([`id: ${life![1]}-2`, "event: kv"]);
      const message = JSON.parse(data!.slice("data: ".length));
      expect(message.at).toBeCloseTo(Date.now() / 1000, -2);
      expect(message).toMatchObject({
        dp_rank: 0,
        events: [
          {
            event_id: 0,
            data: {
              stored: { parent_hash: String(hand.hash(first)), blocks: [{ block_hash: String(hand.hash(second)) }] },
            },
          },
          { event_id: 1, data: { removed: { block_hashes: [String(hand.hash(first))] } } },
        ],
      });
    }
    expect(await read("/kv_events?since=2")).toBe(":\n\n");
    expect(await read("/kv_events?since=3")).toContain("event: snapshot");
    expect(await read("/kv_events?since=abc-2")).toContain("event: snapshot");
    setting.stream.close();
  });
});
