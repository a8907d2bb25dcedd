import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { buildSurface, loadProfile, shippedProfiles } from "#profiles";
import { describeWithReference, referencePath } from "../reference.ts";

const text = readFileSync(new URL("../../docs/profiles.md", import.meta.url), "utf8");

it("lists every shipped profile in docs/profiles.md with its own figures", () => {
  const rows = text.split("\n").filter((line) => /^\| `.*-estimate` \|/.test(line));
  const expected = shippedProfiles().map((name) => {
    const { prefill, decode, provenance } = loadProfile(name);
    const ttftMs = prefill.ttftMs[prefill.isl.indexOf(3052)]!;
    const itlMs = decode.itlMs.filter((_, i) => decode.contextLength[i] === 2996);
    const cells = [
      `\`${name}\``,
      `${provenance.backend} ${provenance.backendVersion}`,
      decode.maxKvTokens.toLocaleString("en-US"),
      `${ttftMs.toFixed(1)} ms`,
      `${itlMs[0]!.toFixed(2)} ms`,
      `${itlMs.at(-1)!.toFixed(1)} ms`,
    ];
    return `| ${cells.join(" | ")} |`;
  });
  expect(rows).toEqual(expected);
});

describeWithReference("the H200 8B estimate against the measured profile", () => {
  const estimate = loadProfile("h200-llama-3.1-8b-fp8-tp1-estimate");

  it("is as far off as docs/profiles.md says", () => {
    const measured = loadProfile(referencePath("profiles", "h200-llama31-8b-fp8-tp1"));
    const surface = buildSurface(estimate);
    const { prefill, decode } = measured;
    const ttft = prefill.isl.map((isl, i) => surface.ttftMs(isl) / prefill.ttftMs[i]! - 1);
    const toUsage = decode.maxKvTokens / estimate.decode.maxKvTokens;
    const itl = decode.kvUsage.map(
      (usage, i) => surface.itlMs(usage * toUsage, decode.contextLength[i]!) / decode.itlMs[i]! - 1,
    );
    const longer = itl.filter((_, i) => decode.contextLength[i]! > 350);

    expect(Math.max(...ttft)).toBeLessThan(0);
    expect(percent(ttft)).toBe(22);
    expect(percent(itl)).toBe(11);
    expect(percent(longer)).toBe(8);
    expect(estimate.decode.maxKvTokens / decode.maxKvTokens).toBeCloseTo(1.001, 3);
  });
});

/** The mean size of shares, in whole percent. */
function percent(shares: readonly number[]): number {
  return Math.round((shares.reduce((sum, share) => sum + Math.abs(share), 0) / shares.length) * 100);
}
