import type { KvTransferParams } from "#mocker/protocol";

const CLOSING_BRACE = 0x7d;

/**
 * The same JSON object with further members. They come last, and of equal names every JSON reader takes the last; so a body
 * of many kilobytes is neither parsed into a new one nor written again.
 * @param body a JSON object that is not empty
 */
export function withMembers(body: Buffer, members: object): Buffer {
  const end = body.lastIndexOf(CLOSING_BRACE);
  return Buffer.concat([body.subarray(0, end), Buffer.from(`,${JSON.stringify(members).slice(1)}`)]);
}

/** What a prefill worker is asked: one token, and to keep the blocks (vLLM's disaggregated proxy asks the same). */
export function prefillBody(body: Buffer, has: (member: string) => boolean): Buffer {
  const members: Record<string, unknown> = {
    stream: false,
    max_tokens: 1,
    kv_transfer_params: {
      do_remote_decode: true,
      do_remote_prefill: false,
      remote_engine_id: null,
      remote_block_ids: null,
      remote_host: null,
      remote_port: null,
    },
  };
  if (has("stream_options")) members.stream_options = null;
  if (has("max_completion_tokens")) members.max_completion_tokens = 1;
  for (const member of ["n", "best_of"]) if (has(member)) members[member] = 1;
  if (has("min_tokens")) members.min_tokens = 0;
  return withMembers(body, members);
}

/** What a decode worker is asked. */
export function decodeBody(body: Buffer, kvTransfer: KvTransferParams): Buffer {
  return withMembers(body, { kv_transfer_params: kvTransfer });
}
