import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TokenScan } from "../../../mocker/frontend/proxy/token-scan.ts";
import { WholeEvents } from "../../../mocker/frontend/proxy/whole-events.ts";
import { DONE, ROLE_CHUNK, tokenChunk, usageChunk } from "./fake-worker.ts";

function scanned(pieces: readonly (string | Buffer)[]) {
  const scan = new TokenScan();
  const whole = new WholeEvents();
  const counts = pieces.map((piece) => scan.feed(whole.take(Buffer.from(piece))));
  return { counts, tokens: scan.tokens, end: scan.end() };
}

const tokens = (count: number) => Array.from({ length: count }, (_, i) => tokenChunk(i, i === count - 1));

describe("a stream that is followed without being decoded", () => {
  it("counts tokens, and neither the role, nor the usage, nor the end mark", () => {
    const stream = [ROLE_CHUNK, ...tokens(5), usageChunk(7, 5, 3), DONE];
    const { counts, end } = scanned(stream);
    expect(counts).toEqual([0, 1, 1, 1, 1, 1, 0, 0]);
    expect(end).toEqual({
      done: true,
      error: null,
      usage: { promptTokens: 7, completionTokens: 5, cachedTokens: 3 },
    });
  });

  it("finds the first token where it came in one piece with the role", () => {
    expect(scanned([ROLE_CHUNK + tokenChunk(0), tokenChunk(1)]).counts).toEqual([1, 1]);
  });

  it("counts the same wherever the pieces are cut", () => {
    const styles = [
      (text: string) => text,
      (text: string) => text.replaceAll("\n", "\r\n"),
      (text: string) => text.replaceAll('":', '": '),
      (text: string) => text.replaceAll("data: {", ": a comment\n\ndata: {"),
      (text: string) => text.replaceAll(" word", ' wörd "choices":[] 🙂 \\n data: '.replaceAll('"', '\\"')),
    ];
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.constantFrom(...styles),
        fc.boolean(),
        fc.array(fc.nat(4000), { maxLength: 30 }),
        (count, style, usage, cuts) => {
          const text = [ROLE_CHUNK, ...tokens(count), usage ? usageChunk(9, count, 4) : "", DONE].join("");
          const bytes = Buffer.from(style(text));
          const places = [...new Set([0, ...cuts.map((cut) => cut % bytes.length), bytes.length])].sort(
            (a, b) => a - b,
          );
          const pieces = places.slice(1).map((end, i) => bytes.subarray(places[i], end));
          const { tokens: found, end } = scanned(pieces);
          expect(found).toBe(count);
          expect(end.done).toBe(true);
          expect(end.usage?.cachedTokens).toBe(usage ? 4 : undefined);
        },
      ),
    );
  });

  it("passes on events whole, and all of them", () => {
    fc.assert(
      fc.property(fc.constantFrom("\n", "\r\n"), fc.array(fc.nat(2000), { maxLength: 20 }), (newline, cuts) => {
        const bytes = Buffer.from([ROLE_CHUNK, ...tokens(4), DONE].join("").replaceAll("\n", newline));
        const places = [...new Set([0, ...cuts.map((cut) => cut % bytes.length), bytes.length])].sort((a, b) => a - b);
        const whole = new WholeEvents();
        const taken = places.slice(1).map((end, i) => whole.take(bytes.subarray(places[i], end)).toString());
        expect(taken.join("")).toBe(bytes.toString());
        for (const piece of taken) expect(piece === "" || piece.endsWith(newline + newline)).toBe(true);
        expect(whole.rest.length).toBe(0);
      }),
    );
  });

  it("counts every byte by itself", () => {
    const text = [ROLE_CHUNK, ...tokens(3), DONE].join("");
    expect(scanned([...text]).tokens).toBe(3);
  });

  it.each([
    ["text of /v1/completions", '{"choices":[{"index":0,"text":" a"}]}'],
    ["reasoning", '{"choices":[{"delta":{"reasoning_content":"hm"}}]}'],
    ["a tool's name", '{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"name":"f"}}]}}]}'],
    ["token ids", '{"choices":[{"index":0,"text":"","token_ids":[7]}]}'],
  ])("takes %s for a token", (_, json) => {
    expect(scanned([`data: ${json}\n\n`]).counts).toEqual([1]);
  });

  it.each([
    ["an empty delta", '{"choices":[{"delta":{}}]}'],
    ["a role", '{"choices":[{"delta":{"role":"assistant","content":""}}]}'],
    ["no token ids", '{"choices":[{"index":0,"text":"","token_ids":[]}]}'],
  ])("does not take %s for the first token", (_, json) => {
    expect(scanned([`data: ${json}\n\n`]).counts).toEqual([0]);
  });

  it("tells an error event at the end", () => {
    const error = `data: ${JSON.stringify({ error: { message: "out of blocks", code: 500 } })}\n\n`;
    expect(scanned([ROLE_CHUNK, tokenChunk(0), error]).end).toMatchObject({ done: false, error: "out of blocks" });
    expect(scanned([error]).end.error).toBe("out of blocks");
  });

  it("a model that speaks of errors and usage makes none", () => {
    const sly = JSON.stringify({ choices: [{ delta: { content: '{"error": {"message": "x"}, "usage": {' } }] });
    expect(scanned([`data: ${sly}\n\n`, DONE]).end).toEqual({ done: true, error: null, usage: null });
  });
});
