/** How KV travels from a prefill to a decode worker. */
export interface TransferModel {
  bytesPerToken: number;
  /** Bytes per second; transfers do not share it. */
  bytesPerSecond: number;
  /** Whether the whole prompt travels or only what the decode worker has not cached. */
  timing: "full_prompt" | "destination_missing";
}

/** Whole ns, as DynoSim has it; 0 without a transfer model. */
export function transferMs(transfer: TransferModel | null, tokens: number): number {
  if (transfer === null) return 0;
  const ns = Math.round((tokens * transfer.bytesPerToken) / (transfer.bytesPerSecond / 1e9));
  return (ns / 1e9) * 1000;
}
