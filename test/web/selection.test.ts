import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { requestsFor } from "../../src/web/page/confirm.ts";
import { costRowOf, rowsOf } from "../../src/web/page/rows.ts";
import { Selection } from "../../src/web/selection.ts";
import { content } from "./sweep.ts";

const made = content();
const { data, details } = made;
const rows = rowsOf(data, details);

describe("the selection", () => {
  it("[R148] takes a prefill and then a decode row, in the documents' words", () => {
    const selection = new Selection(data);
    expect(selection.pick({ plotType: "prefill", rowIndex: 2 })).toEqual({
      prefill: 2,
      decode: null,
      complete: false,
      message: "Prefill config #2 selected. Please select a Decode configuration.",
    });
    expect(selection.pick({ plotType: "decode", rowIndex: 5 })).toEqual({
      prefill: 2,
      decode: 5,
      complete: true,
      message: "Configuration selected! Prefill config #2, Decode config #5. Processing...",
    });
  });

  it("[R148] takes a decode row first as well, and replaces a row of the same table", () => {
    const selection = new Selection(data);
    selection.pick({ plotType: "decode", rowIndex: 1 });
    expect(selection.pick({ plotType: "decode", rowIndex: 0 }).message).toBe(
      "Decode config #0 selected. Please select a Prefill configuration.",
    );
    expect(selection.pick({ plotType: "prefill", rowIndex: 3 })).toMatchObject({
      prefill: 3,
      decode: 0,
      complete: true,
    });
  });

  it("[R147] takes both at once from a row of the cost table, whatever was picked before", () => {
    for (const [row, [prefill, decode]] of Object.entries(data.cost.index_mapping)) {
      const selection = new Selection(data);
      selection.pick({ plotType: "decode", rowIndex: 2 });
      expect(selection.pick({ plotType: "cost", rowIndex: Number(row) })).toEqual({
        prefill,
        decode,
        complete: true,
        message: `Configuration selected! Prefill config #${prefill}, Decode config #${decode}. Processing...`,
      });
    }
  });

  it.each([
    [{ plotType: "prefill", rowIndex: 4 }, "found rowIndex 4, expected a whole number from 0 to 3"],
    [{ plotType: "prefill", rowIndex: -1 }, "found rowIndex -1"],
    [{ plotType: "prefill", rowIndex: 1.5 }, "found rowIndex 1.5"],
    [{ plotType: "prefill", rowIndex: "1" }, 'found rowIndex "1"'],
    [{ plotType: "prefill" }, "found rowIndex undefined"],
    [{ plotType: "cost", rowIndex: 10_000 }, "found rowIndex 10000"],
    [{ plotType: "constructor", rowIndex: 0 }, 'found plotType "constructor"'],
    [{ rowIndex: 0 }, "found plotType undefined"],
    [null, "found plotType undefined"],
    [[], "found plotType undefined"],
    ["prefill", "found plotType undefined"],
  ])("refuses %j", (request, message) => {
    const selection = new Selection(data);
    expect(() => selection.pick(request)).toThrow(message);
    expect(selection.state).toEqual({ prefill: null, decode: null, complete: false });
  });

  it("is final", () => {
    const selection = new Selection(data);
    selection.pick({ plotType: "cost", rowIndex: 0 });
    const { state } = selection;
    expect(() => selection.pick({ plotType: "prefill", rowIndex: 1 })).toThrow("made before");
    expect(selection.state).toEqual(state);
  });
});

describe("confirming in the page", () => {
  const row = (phase: "prefill" | "decode") => fc.nat(rows[phase].length - 1);

  it("ends the server's selection with exactly the confirmed halves, whichever half it knew before", () => {
    const before = fc.oneof(
      fc.constant(null),
      row("prefill").map((rowIndex) => ({ plotType: "prefill", rowIndex })),
      row("decode").map((rowIndex) => ({ plotType: "decode", rowIndex })),
    );
    fc.assert(
      fc.property(before, row("prefill"), row("decode"), fc.boolean(), (told, prefill, decode, usesPair) => {
        const selection = new Selection(data);
        if (told !== null) selection.pick(told);
        const pair = usesPair ? costRowOf(rows, prefill, decode)?.index : undefined;
        for (const request of requestsFor({ prefill, decode }, selection.state, pair)) selection.pick(request);
        expect(selection.state).toEqual({ prefill, decode, complete: true });
      }),
    );
  });
});
