import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "#common";
import type { KvEventData, KvEventMessage, KvSnapshotMessage } from "#mocker/protocol";
import type { FeedBatch, FeedEvent, KvEventFeed } from "./feed.ts";

export interface KvEventStreamOptions {
  clock: Clock;
  /** Batches kept for subscribers that come back. Default 10 000, as vLLM's replay buffer. */
  ringBatches?: number;
  /** The same in characters. Default 1 Mi; whoever missed more gets a snapshot. */
  ringCharacters?: number;
  /** A subscriber with more unsent bytes than this is cut off, and comes back where it was. Default 8 MiB. */
  maxUnsentBytes?: number;
  /** Real ms between comments that keep an idle connection alive. Default 15 000. */
  keepAliveMs?: number;
}

interface RingEntry {
  sequence: number;
  text: string;
}

/**
 * `GET /kv_events`: KV events as server-sent events. Ids are `<life>-<sequence>`, where `life` names this life of the
 * worker: a subscriber that sends the last id it saw (`Last-Event-ID`, or `?since=`) goes on from there, or gets
 * `event: snapshot` first where that is too long ago, another life, or nothing.
 * Nothing is encoded before the first subscriber came.
 */
export class KvEventStream {
  readonly #feed: KvEventFeed;
  readonly #clock: Clock;
  readonly #options: Required<Omit<KvEventStreamOptions, "clock">>;
  readonly #life = randomBytes(6).toString("hex");
  readonly #responses = new Set<ServerResponse>();
  #ring: RingEntry[] = [];
  #ringCharacters = 0;
  /** Of the last batch; what was cached before the first subscriber came counts as number 1. */
  #sequence = 1;
  #eventId = 0;
  #stopListening: (() => void) | null = null;
  #keepAlive: NodeJS.Timeout | null = null;

  constructor(feed: KvEventFeed, options: KvEventStreamOptions) {
    this.#feed = feed;
    this.#clock = options.clock;
    this.#options = {
      ringBatches: 10_000,
      ringCharacters: 2 ** 20,
      maxUnsentBytes: 8 * 2 ** 20,
      keepAliveMs: 15_000,
      ...options,
    };
  }

  /** Subscribers now. */
  get subscribers(): number {
    return this.#responses.size;
  }

  /** Answers one request; the response belongs to the stream until either side ends it. */
  serve(request: IncomingMessage, response: ServerResponse): void {
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    this.#stopListening ??= this.#feed.listen((batch) => this.#publish(batch));
    this.#feed.flush();
    const since = this.#sequenceOf(lastEventId(request));
    if (since === null) response.write(this.#snapshot());
    else response.write(this.#missed(since) || ":\n\n");
    this.#responses.add(response);
    response.once("close", () => this.#left(response));
    response.on("error", () => response.destroy());
    this.#keepAlive ??= this.#startKeepAlive();
  }

  /** Ends all subscriptions. */
  close(): void {
    this.#stopListening?.();
    for (const response of this.#responses) response.end();
    this.#responses.clear();
    this.#stopKeepAlive();
  }

  #publish(batch: FeedBatch): void {
    const message: KvEventMessage = {
      at: this.#clock.toUnixMs(batch.atMs) / 1000,
      dp_rank: batch.dpRank,
      events: batch.events.map((event) => ({ event_id: this.#eventId++, data: wireData(event) })),
    };
    const sequence = ++this.#sequence;
    const text = this.#frame(sequence, "kv", message);
    this.#ring.push({ sequence, text });
    this.#ringCharacters += text.length;
    this.#trimRing();
    for (const response of this.#responses) this.#send(response, text);
  }

  #send(response: ServerResponse, text: string): void {
    if (response.writableLength > this.#options.maxUnsentBytes) response.destroy();
    else response.write(text);
  }

  /** In larger steps, since cutting the front of an array costs its length. */
  #trimRing(): void {
    const { ringBatches, ringCharacters } = this.#options;
    if (this.#ring.length <= ringBatches && this.#ringCharacters <= ringCharacters) return;
    let drop = 0;
    while (this.#ring.length - drop > ringBatches * 0.75 || this.#ringCharacters > ringCharacters * 0.75) {
      this.#ringCharacters -= this.#ring[drop++]!.text.length;
    }
    this.#ring = this.#ring.slice(drop);
  }

  /** The place to go on from, or null where only a snapshot helps. */
  #sequenceOf(id: string | null): number | null {
    const match = /^(?:([0-9a-f]+)-)?(\d+)$/.exec(id ?? "");
    if (match === null || (match[1] !== undefined && match[1] !== this.#life)) return null;
    const since = Number(match[2]);
    const oldest = this.#ring[0]?.sequence ?? this.#sequence + 1;
    return since > this.#sequence || since < oldest - 1 ? null : since;
  }

  #missed(since: number): string {
    let text = "";
    for (const entry of this.#ring) if (entry.sequence > since) text += entry.text;
    return text;
  }

  #snapshot(): string {
    const message: KvSnapshotMessage = {
      at: this.#clock.toUnixMs(this.#clock.nowMs()) / 1000,
      ranks: this.#feed.snapshot().map(({ dpRank, blocks }) => ({
        dp_rank: dpRank,
        blocks: blocks.map((block) => ({
          block_hash: String(block.sequenceHash),
          tokens_hash: String(block.tokensHash),
          parent_hash: block.parentSequenceHash === null ? null : String(block.parentSequenceHash),
        })),
      })),
    };
    return this.#frame(this.#sequence, "snapshot", message);
  }

  #frame(sequence: number, event: string, message: KvEventMessage | KvSnapshotMessage): string {
    return `id: ${this.#life}-${sequence}\nevent: ${event}\ndata: ${JSON.stringify(message)}\n\n`;
  }

  #left(response: ServerResponse): void {
    this.#responses.delete(response);
    if (this.#responses.size === 0) this.#stopKeepAlive();
  }

  #startKeepAlive(): NodeJS.Timeout {
    const timer = setInterval(() => {
      for (const response of this.#responses) this.#send(response, ":\n\n");
    }, this.#options.keepAliveMs);
    timer.unref();
    return timer;
  }

  #stopKeepAlive(): void {
    if (this.#keepAlive !== null) clearInterval(this.#keepAlive);
    this.#keepAlive = null;
  }
}

/** What a browser's EventSource sends when it comes back, or the query's `since`. */
function lastEventId(request: IncomingMessage): string | null {
  const header = request.headers["last-event-id"];
  if (typeof header === "string") return header;
  return new URL(request.url ?? "/", "http://worker").searchParams.get("since");
}

function wireData(event: FeedEvent): KvEventData {
  if (event.kind === "cleared") return "cleared";
  if (event.kind === "removed") return { removed: { block_hashes: event.blockHashes.map(String) } };
  return {
    stored: {
      parent_hash: event.parent === null ? null : String(event.parent),
      blocks: event.blocks.map(({ sequenceHash, tokensHash }) => ({
        block_hash: String(sequenceHash),
        tokens_hash: String(tokensHash),
      })),
    },
  };
}
