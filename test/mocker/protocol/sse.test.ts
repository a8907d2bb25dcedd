import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type SseEvent, SseParser } from "#mocker/protocol";

/** The bytes cut anywhere, also within characters. */
const cuts = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 8 });
function* inPieces(bytes: Buffer, lengths: readonly number[]): Generator<Buffer> {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const length = lengths[i % lengths.length]!;
    yield bytes.subarray(at, at + length);
    at += length;
  }
}

function parse(text: string, lengths: readonly number[]): SseEvent[] {
  const events: SseEvent[] = [];
  const parser = new SseParser((event) => events.push(event));
  for (const piece of inPieces(Buffer.from(text), lengths)) parser.push(piece);
  return events;
}

const line = fc.string({ unit: fc.constantFrom("a", "é", "🎉", " ", ":", "d", "data:", '"'), maxLength: 12 });
const newline = fc.constantFrom("\n", "\r\n", "\r");

describe("the parser of events", () => {
  it("has the values of all data lines of an event, however the bytes come", () => {
    fc.assert(
      fc.property(fc.array(fc.array(line, { minLength: 1, maxLength: 3 })), newline, cuts, (events, end, lengths) => {
        const text = events.map((values) => values.map((value) => `data: ${value}${end}`).join("") + end).join("");
        expect(parse(text, lengths)).toEqual(
          events.map((values) => ({ event: "message", data: values.join("\n"), id: null })),
        );
      }),
    );
  });

  it("knows names, ids, comments, a byte order mark, and lines without a colon", () => {
    const text =
      "\ufeff: hello\nid: 7\nevent: kv\ndata: a\ndata\nretry: 3\n\nevent: empty\n\ndata: b\n\ndata: unfinished";
    expect(parse(text, [3])).toEqual([
      { event: "kv", data: "a\n", id: "7" },
      { event: "message", data: "b", id: "7" },
    ]);
  });
});
