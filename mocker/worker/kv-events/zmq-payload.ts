import { Encoder } from "@msgpack/msgpack";
import type { FeedBatch, FeedEvent } from "./feed.ts";

/**
 * How events look in a batch. `array` is what vLLM's releases send (msgspec's `array_like` with a tag) and their example
 * subscriber decodes; `map` is what Dynamo's mocker sends. Dynamo reads both.
 */
export type ZmqEventShape = "array" | "map";

const MEDIUM = "GPU";

/** Hashes are unsigned 64-bit numbers, which msgpack has and JavaScript's numbers have not. */
const encoder = new Encoder({ useBigInt64: true });

/** A batch as vLLM's ZmqEventPublisher sends it (vllm/distributed/kv_events.py): `[timestamp, events, rank]` in msgpack. */
export function zmqPayload(batch: FeedBatch, unixSeconds: number, blockSize: number, shape: ZmqEventShape): Uint8Array {
  const encode = shape === "array" ? arrayEvent : mapEvent;
  return encoder.encode([unixSeconds, batch.events.map((event) => encode(event, blockSize)), batch.dpRank]);
}

function arrayEvent(event: FeedEvent, blockSize: number): unknown[] {
  if (event.kind === "cleared") return ["AllBlocksCleared"];
  if (event.kind === "removed") return ["BlockRemoved", event.blockHashes, MEDIUM];
  const hashes = event.blocks.map((block) => block.sequenceHash);
  // After the medium comes the name of a LoRA adapter, which newer versions want.
  return ["BlockStored", hashes, event.parent, tokenIds(event), blockSize, null, MEDIUM, null];
}

function mapEvent(event: FeedEvent, blockSize: number): Record<string, unknown> {
  if (event.kind === "cleared") return { type: "AllBlocksCleared" };
  if (event.kind === "removed") {
    return { type: "BlockRemoved", block_hashes: event.blockHashes, medium: MEDIUM, group_idx: 0 };
  }
  return {
    type: "BlockStored",
    block_hashes: event.blocks.map((block) => block.sequenceHash),
    parent_block_hash: event.parent,
    token_ids: tokenIds(event),
    block_size: blockSize,
    lora_id: null,
    medium: MEDIUM,
    lora_name: null,
    group_idx: 0,
  };
}

/** Plain numbers: msgpack would write a typed array as bytes. */
function tokenIds(event: FeedEvent & { kind: "stored" }): number[] {
  const ids: number[] = [];
  for (const block of event.blocks) for (const id of block.tokenIds) ids.push(id);
  return ids;
}
