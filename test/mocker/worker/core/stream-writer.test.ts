import { createServer, get, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { StreamWriter } from "../../../../mocker/worker/core/stream-writer.ts";

type Handler = (response: ServerResponse, path: string) => void;

let server: Server | null = null;
const sockets: Socket[] = [];

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  server?.closeAllConnections();
  server?.close();
  server = null;
});

function serve(handle: Handler): Promise<number> {
  const made = createServer((request, response) => handle(response, request.url ?? ""));
  server = made;
  return new Promise((resolve) => made.listen(0, "127.0.0.1", () => resolve((made.address() as AddressInfo).port)));
}

/** A raw connection and what has come over it. */
function dial(port: number, text: string) {
  const socket = connect(port, "127.0.0.1");
  sockets.push(socket);
  const state = { received: "", closed: false };
  socket.setEncoding("utf8");
  socket.on("data", (data) => {
    state.received += data;
  });
  socket.on("close", () => {
    state.closed = true;
  });
  socket.on("error", () => {});
  socket.write(text);
  return { socket, state };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate);
}

const request = (path: string, version = "1.1") => `GET ${path} HTTP/${version}\r\nHost: a\r\n\r\n`;
const never = { onClosed: () => expect.fail("it was closed") };
const text = { "content-type": "text/plain; charset=utf-8" };
/** After what was written in this turn has gone out. */
const nextTurn = () => new Promise(setImmediate);

describe("a stream writer", () => {
  it("sends what is written in one turn as one chunk, and turns apart", async () => {
    const port = await serve(async (response) => {
      const writer = new StreamWriter(response, never);
      writer.begin(200, text);
      writer.write("one ");
      writer.write("chunk");
      await nextTurn();
      writer.write("another");
      await nextTurn();
      writer.write("the last");
      writer.end();
    });
    const { state } = dial(port, request("/"));
    await until(() => state.received.endsWith("0\r\n\r\n"));
    const body = state.received.slice(state.received.indexOf("\r\n\r\n") + 4);
    expect(body).toBe("9\r\none chunk\r\n7\r\nanother\r\n8\r\nthe last\r\n0\r\n\r\n");
  });

  it("counts bytes, not characters, where text is not ASCII", async () => {
    const port = await serve((response) => {
      const writer = new StreamWriter(response, never);
      writer.begin(200, text);
      writer.write("plain, ");
      writer.writeUtf8("größer, 日本, 🙂");
      writer.end();
    });
    const body = await new Promise<string>((resolve) => {
      get({ port, host: "127.0.0.1" }, (answer) => {
        let read = "";
        answer.setEncoding("utf8").on("data", (data) => {
          read += data;
        });
        answer.on("end", () => resolve(read));
      });
    });
    expect(body).toBe("plain, größer, 日本, 🙂");
  });

  it("serves one request after another on a connection", async () => {
    const port = await serve((response, path) => {
      const writer = new StreamWriter(response, never);
      writer.begin(200, text);
      writer.write(`answer to ${path}`);
      writer.end();
    });
    const { socket, state } = dial(port, request("/1"));
    await until(() => state.received.endsWith("0\r\n\r\n"));
    socket.write(request("/2"));
    await until(() => state.received.split("0\r\n\r\n").length === 3);
    expect(state.received.match(/answer to \/\d/g)).toEqual(["answer to /1", "answer to /2"]);
  });

  it("keeps answers to pipelined requests in order, although the second is ready first", async () => {
    const writers: StreamWriter[] = [];
    const port = await serve((response) => {
      const writer = new StreamWriter(response, never);
      writer.begin(200, text);
      writers.push(writer);
    });
    const { state } = dial(port, request("/1") + request("/2"));
    await until(() => writers.length === 2);
    writers[1]!.write("second");
    writers[1]!.end();
    await nextTurn();
    writers[0]!.write("first");
    await nextTurn();
    writers[0]!.write(", and more");
    writers[0]!.end();
    await until(() => state.received.split("0\r\n\r\n").length === 3);
    expect(state.received.match(/first|, and more|second/g)).toEqual(["first", ", and more", "second"]);
  });

  it("sends no chunk marks to a client of HTTP/1.0 and closes at the end", async () => {
    const port = await serve((response) => {
      const writer = new StreamWriter(response, never);
      writer.begin(200, text);
      writer.write("as it is");
      writer.end();
    });
    const { state } = dial(port, request("/", "1.0"));
    await until(() => state.closed);
    expect(state.received.endsWith("\r\n\r\nas it is")).toBe(true);
  });

  it("tells once that a client has gone, and takes what is written afterwards to nowhere", async () => {
    const told: string[] = [];
    let writer: StreamWriter | null = null;
    const port = await serve((response) => {
      writer = new StreamWriter(response, { onClosed: (why) => told.push(why) });
      writer.begin(200, text);
      writer.write("hello");
    });
    const { socket, state } = dial(port, request("/"));
    await until(() => state.received.includes("hello"));
    socket.destroy();
    await until(() => told.length > 0);
    writer!.write("too late");
    writer!.end();
    await nextTurn();
    expect(told).toEqual(["disconnected"]);
    expect(writer!.closed).toBe(true);
  });

  it("tells nothing where the client goes after the end", async () => {
    const port = await serve((response) => {
      const writer = new StreamWriter(response, never);
      writer.begin(200, text);
      writer.end();
    });
    const { socket, state } = dial(port, request("/"));
    await until(() => state.received.endsWith("0\r\n\r\n"));
    socket.destroy();
    await until(() => state.closed);
    await nextTurn();
  });

  it.each(["direct", "pipelined"])("cuts a client that does not read, at its limit: %s", async (way) => {
    const told: string[] = [];
    let writer: StreamWriter | null = null;
    const port = await serve((response, path) => {
      const made = new StreamWriter(response, { limitBytes: 100_000, onClosed: (why) => told.push(why) });
      made.begin(200, text);
      if (path === "/stalled") writer = made;
    });
    const { socket } = dial(port, way === "direct" ? request("/stalled") : request("/first") + request("/stalled"));
    socket.pause();
    await until(() => writer !== null);
    const piece = "x".repeat(50_000);
    let pieces = 0;
    while (told.length === 0 && pieces < 10_000) {
      writer!.write(piece);
      pieces++;
      await nextTurn();
    }
    expect(told).toContain("stalled");
    expect(writer!.closed).toBe(true);
  });

  it("dies without an end where it is told to", async () => {
    let writer: StreamWriter | null = null;
    const port = await serve((response) => {
      writer = new StreamWriter(response, never);
      writer.begin(200, text);
      writer.write("half");
    });
    const { state } = dial(port, request("/"));
    await until(() => state.received.includes("half"));
    writer!.destroy();
    await until(() => state.closed);
    expect(state.received.endsWith("0\r\n\r\n")).toBe(false);
  });
});

/** A response whose socket is a function. */
function madeResponse(write: (text: string) => void): ServerResponse {
  const socket = { cork: () => {}, uncork: () => {}, writableLength: 0, write: (text: string) => write(text) ?? true };
  const response = { socket, chunkedEncoding: true, writableLength: 0, once: () => {}, writeHead: () => {} };
  return { ...response, flushHeaders: () => {} } as unknown as ServerResponse;
}

describe("the streams of a process", () => {
  it("are written to in the order of their first words, those that begin before all others", async () => {
    const order: string[] = [];
    const streams = ["a", "b", "c"].map((name) => {
      const writer = new StreamWriter(
        madeResponse(() => order.push(name)),
        never,
      );
      writer.begin(200, text);
      return writer;
    });
    await nextTurn();
    streams[1]!.write("1");
    streams[0]!.write("1");
    streams[1]!.write("2");
    const late = new StreamWriter(
      madeResponse(() => order.push("new")),
      never,
    );
    late.begin(200, text);
    late.write("1");
    streams[2]!.write("1");
    expect(order).toEqual([]);
    await nextTurn();
    expect(order).toEqual(["new", "b", "a", "c"]);
  });

  it("don't keep the event loop from its turns, however many they are", async () => {
    let flushed = 0;
    const slow = () => {
      const untilMs = performance.now() + 0.2;
      while (performance.now() < untilMs);
      flushed++;
    };
    const streams = Array.from({ length: 200 }, () => new StreamWriter(madeResponse(slow), never));
    for (const writer of streams) writer.begin(200, text);
    await nextTurn();
    for (const writer of streams) writer.write("word");
    const seen: number[] = [];
    while (flushed < 200) {
      await nextTurn();
      seen.push(flushed);
    }
    expect(seen.length).toBeGreaterThan(3);
    expect(flushed).toBe(200);
  });
});
