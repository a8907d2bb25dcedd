import type { Publisher, Router } from "zeromq";
import type { Clock } from "#common";
import { zmqCannotBind, zmqMissing } from "./errors.ts";
import type { FeedBatch, KvEventFeed } from "./feed.ts";
import { type ZmqEventShape, zmqPayload } from "./zmq-payload.ts";

export interface ZmqPublisherOptions {
  clock: Clock;
  /** Where rank 0 publishes: `tcp://127.0.0.1:5557`. Rank r takes the port plus r, as vLLM has it. */
  endpoint: string;
  /** Where rank 0 answers those who missed something; absent: nowhere. */
  replayEndpoint?: string;
  dpSize: number;
  blockSize: number;
  /** Default "array". */
  shape?: ZmqEventShape;
  /** First frame of each message. Default "". */
  topic?: string;
  /** Batches kept for replay. Default 10 000. */
  ringBatches?: number;
  /** A socket failed while the worker runs; its rank publishes no more. */
  onError?: (error: unknown) => void;
}

export interface ZmqPublisher {
  /** Addresses by rank, with the ports that were bound. */
  readonly endpoints: readonly string[];
  readonly replayEndpoints: readonly string[];
  close(): void;
}

/** Batches that may wait for the socket; beyond it the oldest are dropped, and a subscriber sees a gap. */
const MAX_QUEUED = 100_000;
/** −1 as a signed 64-bit number: the end of a replay. */
const END_OF_REPLAY = Buffer.alloc(8, 0xff);

/**
 * Publishes KV events as vLLM's ZmqEventPublisher does (vllm/distributed/kv_events.py): PUB frames `[topic, sequence as
 * 8 bytes big-endian, msgpack]`, one socket per rank, sequences from 0; and a ROUTER that answers `[…, first sequence]` with
 * `[…, sequence, msgpack]` for each batch it still has, then sequence −1 with nothing.
 * @throws UserError WORKER_ZMQ_MISSING, WORKER_ZMQ_CANNOT_BIND
 */
export async function openZmqPublisher(feed: KvEventFeed, options: ZmqPublisherOptions): Promise<ZmqPublisher> {
  const zmq = await loadZmq();
  const ranks: RankPublisher[] = [];
  const close = () => {
    for (const rank of ranks) rank.close();
  };
  try {
    for (let rank = 0; rank < options.dpSize; rank++) {
      const publisher = new zmq.Publisher({ sendHighWaterMark: MAX_QUEUED, linger: 0 });
      const router = options.replayEndpoint === undefined ? null : new zmq.Router({ linger: 0 });
      ranks.push(new RankPublisher(publisher, router, options));
      await bind(publisher, offsetPort(options.endpoint, rank));
      if (router !== null) await bind(router, offsetPort(options.replayEndpoint!, rank));
    }
  } catch (error) {
    close();
    throw error;
  }
  const stopListening = feed.listen((batch) => ranks[batch.dpRank]!.publish(batch));
  for (const rank of ranks) void rank.serveReplays();
  return {
    endpoints: ranks.map((rank) => rank.publisher.lastEndpoint!),
    replayEndpoints: ranks.flatMap((rank) => rank.router?.lastEndpoint ?? []),
    close: () => {
      stopListening();
      close();
    },
  };
}

/** Loaded only where it is asked for: its binary may be missing. */
async function loadZmq(): Promise<typeof import("zeromq")> {
  try {
    return await import("zeromq");
  } catch (error) {
    throw zmqMissing(error);
  }
}

async function bind(socket: Publisher | Router, endpoint: string): Promise<void> {
  try {
    await socket.bind(endpoint);
  } catch (error) {
    throw zmqCannotBind(endpoint, error);
  }
}

/** `tcp://host:5557` and rank 2: `tcp://host:5559`. Port 0, any free one, stays. */
function offsetPort(endpoint: string, rank: number): string {
  return endpoint.replace(/:(\d+)$/, (_, port: string) => `:${port === "0" ? 0 : Number(port) + rank}`);
}

function sequenceBytes(sequence: number): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigUInt64BE(BigInt(sequence));
  return bytes;
}

class RankPublisher {
  readonly publisher: Publisher;
  readonly router: Router | null;
  readonly #options: ZmqPublisherOptions;
  readonly #topic: string;
  readonly #ringBatches: number;
  /** Payload of sequence s at s mod length. */
  readonly #ring: Uint8Array[] = [];
  #next = 0;
  #queue: [string, Buffer, Uint8Array][] = [];
  #sending = false;
  #closed = false;

  constructor(publisher: Publisher, router: Router | null, options: ZmqPublisherOptions) {
    this.publisher = publisher;
    this.router = router;
    this.#options = options;
    this.#topic = options.topic ?? "";
    this.#ringBatches = router === null ? 0 : (options.ringBatches ?? 10_000);
  }

  publish(batch: FeedBatch): void {
    if (this.#closed) return;
    const { clock, blockSize, shape = "array" } = this.#options;
    const payload = zmqPayload(batch, clock.toUnixMs(batch.atMs) / 1000, blockSize, shape);
    const sequence = this.#next++;
    if (this.#ringBatches > 0) this.#ring[sequence % this.#ringBatches] = payload;
    this.#queue.push([this.#topic, sequenceBytes(sequence), payload]);
    if (this.#queue.length > MAX_QUEUED) this.#queue.shift();
    if (!this.#sending) void this.#send();
  }

  async serveReplays(): Promise<void> {
    if (this.router === null) return;
    try {
      for await (const [client, delimiter, first, ...rest] of this.router) {
        if (client === undefined || delimiter?.length !== 0 || first?.length !== 8 || rest.length > 0) continue;
        await this.#replay(client, first.readBigUInt64BE());
      }
    } catch (error) {
      this.#failed(error);
    }
  }

  close(): void {
    this.#closed = true;
    this.publisher.close();
    this.router?.close();
  }

  #failed(error: unknown): void {
    if (this.#closed) return;
    this.close();
    this.#options.onError?.(error);
  }

  /** The socket takes one message at a time. */
  async #send(): Promise<void> {
    this.#sending = true;
    try {
      while (this.#queue.length > 0 && !this.#closed) {
        const queue = this.#queue;
        this.#queue = [];
        for (const message of queue) await this.publisher.send(message);
      }
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#sending = false;
    }
  }

  async #replay(client: Buffer, first: bigint): Promise<void> {
    const oldest = Math.max(0, this.#next - this.#ringBatches);
    const begin = first > BigInt(this.#next) ? this.#next : Math.max(oldest, Number(first));
    // What is published meanwhile may take the place of old batches, so that they are collected before anything is sent.
    const batches: [number, Uint8Array][] = [];
    for (let s = begin; s < this.#next; s++) batches.push([s, this.#ring[s % this.#ringBatches]!]);
    for (const [sequence, payload] of batches) {
      await this.router!.send([client, "", sequenceBytes(sequence), payload]);
    }
    await this.router!.send([client, "", END_OF_REPLAY, ""]);
  }
}
