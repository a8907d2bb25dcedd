import { describe, expect, it } from "vitest";
import { textTable } from "../../src/cli/text-table.ts";

describe("textTable", () => {
  it("aligns numbers right, whatever their sign, unit and interval", () => {
    const rows = [
      ["a", "12.8 %", "25 s ± 64 s", "own"],
      ["bc", "−1.2 %", "0 s", "other"],
      ["d", "–", "", "–"],
    ];
    expect(textTable(["", "regret", "above", "name"], rows).split("\n").slice(1)).toEqual([
      "a   12.8 %  25 s ± 64 s  own",
      "bc  −1.2 %          0 s  other",
      "d        –               –",
      "",
    ]);
  });
});
