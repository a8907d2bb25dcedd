import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SseStream } from "../../bench/live/sse-stream.ts";

const HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
const chunk = (...events: string[]) => {
  const text = events.map((event) => `data: ${event}\n\n`).join("");
  return `${text.length.toString(16)}\r\n${text}\r\n`;
};
const token = (text = " word") => JSON.stringify({ choices: [{ index: 0, text, finish_reason: null }] });
const usage = (completion_tokens: number) => JSON.stringify({ choices: [], usage: { completion_tokens } });
const END = `${chunk("[DONE]")}0\r\n\r\n`;

/** Feeds `text` in pieces that end at `cuts`; the time is the number of the piece. */
function feed(stream: SseStream, text: string, cuts: readonly number[] = []): boolean[] {
  const bytes = Buffer.from(text, "latin1");
  const ends = [...new Set([...cuts.filter((cut) => cut > 0 && cut < bytes.length), bytes.length])].sort(
    (a, b) => a - b,
  );
  return ends.map((end, i) => stream.push(bytes.subarray(ends[i - 1] ?? 0, end), i));
}

describe("the counting client of the live benchmark", () => {
  it("counts the same however the bytes are cut", () => {
    const cuts = fc.array(fc.nat(3000), { maxLength: 40 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.boolean(), cuts, (tokens, together, at) => {
        const events = Array.from({ length: tokens }, () => token());
        const body = together ? chunk(...events) : events.map((event) => chunk(event)).join("");
        const stream = new SseStream({ tokens, leadingEvents: 0 });
        const ended = feed(stream, `${HEAD}${body}${chunk(usage(tokens))}${END}`, at);
        expect(ended.filter(Boolean)).toHaveLength(1);
        expect(ended.at(-1)).toBe(true);
        expect(stream.outcome()).toMatchObject({ tokens, completionTokens: tokens, problem: null });
      }),
    );
  });

  it("takes times from tokens alone: not from the role before them nor from what follows", () => {
    const gaps: number[] = [];
    const stream = new SseStream({ tokens: 3, leadingEvents: 1 }, (gapMs) => gaps.push(gapMs));
    const role = JSON.stringify({ choices: [{ delta: { role: "assistant", content: "" } }] });
    const word = JSON.stringify({ choices: [{ delta: { content: " word" } }] });
    const pieces = [`${HEAD}${chunk(role)}`, chunk(word), chunk(word, word), `${chunk(usage(3))}${END}`];
    pieces.forEach((piece, i) => void stream.push(Buffer.from(piece), i));
    expect(stream.outcome()).toMatchObject({ tokens: 3, firstTokenMs: 1, lastTokenMs: 2, problem: null });
    expect(gaps).toEqual([1, 0]);
  });

  it.each([
    ["a token too few", chunk(token()) + chunk(usage(2)) + END, "1 token events instead of 2"],
    ["a token too many", chunk(token(), token(), token()) + chunk(usage(2)) + END, "3 token events instead of 2"],
    ["a usage that says otherwise", chunk(token(), token()) + chunk(usage(1)) + END, "usage says 1 tokens"],
    ["no [DONE]", `${chunk(token(), token())}${chunk(usage(2))}0\r\n\r\n`, "no [DONE]"],
  ])("finds %s", (_, body, problem) => {
    const stream = new SseStream({ tokens: 2, leadingEvents: 0 });
    feed(stream, HEAD + body);
    expect(stream.outcome().problem).toBe(problem);
  });

  it("finds an error event", () => {
    const stream = new SseStream({ tokens: 2, leadingEvents: 0 });
    feed(stream, `${HEAD}${chunk(token())}${chunk(JSON.stringify({ error: { message: "worker lost" } }))}0\r\n\r\n`);
    expect(stream.outcome().problem).toContain("worker lost");
  });

  it("tells an answer that is no stream", () => {
    const stream = new SseStream({ tokens: 2, leadingEvents: 0 });
    const body = '{"error":{"message":"slow down"}}';
    const head = `HTTP/1.1 429 Too Many Requests\r\nContent-Length: ${body.length}\r\n\r\n`;
    expect(feed(stream, head + body, [10, 60, 90]).at(-1)).toBe(true);
    expect(stream.outcome().problem).toMatch(/^HTTP\/1\.1 429 Too Many Requests .*slow down/);
  });

  it("says how far a stream came that broke off", () => {
    const stream = new SseStream({ tokens: 5, leadingEvents: 0 });
    feed(stream, HEAD + chunk(token(), token()));
    expect(stream.tokensSoFar).toBe(2);
    expect(stream.outcome("connection closed").problem).toBe("connection closed");
  });
});
