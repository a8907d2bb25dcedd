import { describe, expect, it } from "vitest";
import type { TransferModel } from "#mocker/engine";
import { simulate } from "#src/simulator";
import { madePool, madeSpec } from "./hand-made.ts";

/** 1 ms a token. */
const transfer: TransferModel = { bytesPerToken: 1e6, bytesPerSecond: 1e9, timing: "full_prompt" };

function run(model: TransferModel | null) {
  const blocks = [1, 2, 3, 4, 5, 6];
  const { transfers, requests } = simulate(
    madeSpec(
      {
        requests: [
          { atMs: 0, isl: 100, osl: 2, blocks },
          { atMs: 1000, isl: 100, osl: 2, blocks },
        ],
        blockTokens: 16,
      },
      {
        prefill: madePool("prefill", {}, { blockSize: 16 }),
        decode: madePool("decode", {}, { blockSize: 16 }),
        transfer: model,
      },
    ),
  );
  return { transfers: transfers!, requests };
}

describe("a disaggregated request", () => {
  it("travels for bytes ÷ bandwidth between its prompt and its first token", () => {
    const { transfers, requests } = run(transfer);
    expect(transfers.prefillAdmitMs[0]).toBe(0);
    expect(transfers.sourceHeldMs[0]).toBe(100);
    expect(transfers.destinationReservedMs[0]).toBe(100);
    expect(transfers.destinationActivatedMs[0]).toBe(200);
    expect(transfers.sourceReleasedMs[0]).toBe(200);
    expect(transfers.decodeAdmitMs[0]).toBe(200);
    expect(requests.firstTokenMs[0]).toBe(210);
    expect(requests.lastTokenMs[0]).toBe(220);
    expect([requests.prefillWorker[0], requests.decodeWorker[0]]).toEqual([0, 0]);
  });

  it("travels whole although the decode worker has most of it, unless the transfer asks what is missing there", () => {
    // The prefill worker has 96 tokens cached, so that 4 are computed.
    expect(run(transfer).transfers.destinationActivatedMs[1]).toBe(1004 + 100);
    expect(run({ ...transfer, timing: "destination_missing" }).transfers.destinationActivatedMs[1]).toBe(1004 + 16);
  });

  it("travels in no time without a transfer model", () => {
    const { transfers, requests } = run(null);
    expect(transfers.destinationActivatedMs[0]).toBe(100);
    expect(requests.firstTokenMs[0]).toBe(110);
  });

  it("can only be feasible where an idle prefill and the transfer keep the TTFT", () => {
    const feasible = (ttftMs: number) =>
      simulate(
        madeSpec(
          { requests: [{ atMs: 0, isl: 100, osl: 2 }] },
          { prefill: madePool("prefill"), decode: madePool("decode"), transfer, sla: { ttftMs, itlMs: 20 } },
        ),
      ).feasible[0];
    expect([feasible(200), feasible(199.9)]).toEqual([1, 0]);
  });

  it("is rejected at once where the decode worker could never take it", () => {
    const { requests, endMs } = simulate(
      madeSpec(
        { requests: [{ atMs: 5, isl: 100, osl: 1000 }] },
        { prefill: madePool("prefill"), decode: madePool("decode", {}, { numGpuBlocks: 4 }) },
      ),
    );
    expect(requests.status[0]).toBe(1);
    expect(requests.prefillWorker[0]).toBe(-1);
    expect(endMs).toBe(5);
  });
});
