import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { type CliServer, getJson, loadOf, serverForTest, statusOf, waitFor } from "./processes.ts";
import { rawConnection, rawRequest, TestStream } from "./streams.ts";

const MB = 1e6;
/** Everything takes no time: a stream is as fast as its reader. */
const FAST = ["--model-name", "llama", "--speedup-ratio", "0", "--num-gpu-blocks-override", "65536"];

/** Resident set now, and at its largest. */
function memoryOf({ process }: CliServer): { rss: number; peak: number } {
  const status = readFileSync(`/proc/${process.child.pid}/status`, "latin1");
  const bytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)![1]) * 1024;
  return { rss: bytes("VmRSS"), peak: bytes("VmHWM") };
}

/** Sends a request and then reads nothing of what comes back, having seen that it began. */
async function stalledClient(url: string, body: Record<string, unknown>): Promise<Socket> {
  const socket = await rawConnection(url);
  const request = rawRequest(body);
  const begun = new Promise<void>((resolve) => {
    socket.once("data", () => {
      socket.pause();
      resolve();
    });
  });
  socket.write(request.head + request.body);
  await begun;
  return socket;
}

describe.runIf(process.platform === "linux")("a client that stops reading", () => {
  it.each(["worker", "frontend"])("at the %s holds neither memory nor blocks, and disturbs nobody", async (which) => {
    const worker = await serverForTest("mocker", FAST);
    const frontend = await serverForTest("frontend", ["--worker", worker.url]);
    const server = which === "worker" ? worker : frontend;
    const warm = new TestStream(server.url, { max_tokens: 20_000 });
    expect(await warm.ended).toBe("done");
    const before = [worker, frontend].map(memoryOf);

    // Some 400 MB would be in flight where nobody set a limit.
    const stalled = await Promise.all(
      Array.from({ length: 4 }, (_, i) => stalledClient(server.url, { prompt: [9, i], max_tokens: 400_000 })),
    );
    const healthy = Array.from(
      { length: 4 },
      (_, i) => new TestStream(server.url, { prompt: [8, i], max_tokens: 2000 }),
    );
    expect(await Promise.all(healthy.map(({ ended }) => ended))).toEqual(["done", "done", "done", "done"]);
    expect(healthy.map(({ tokens }) => tokens)).toEqual([2000, 2000, 2000, 2000]);
    await waitFor("the blocks of the stalled streams to be freed", async () => {
      const { running, waiting, usedBlocks } = await loadOf(worker);
      return running === 0 && waiting === 0 && usedBlocks === 0;
    });
    for (const [i, { peak }] of [worker, frontend].map(memoryOf).entries()) {
      expect(peak - before[i]!.peak).toBeLessThan(150 * MB);
    }
    for (const socket of stalled) socket.destroy();
  });
});

describe("a client that trickles its body", () => {
  it.each([
    ["mocker", FAST],
    ["frontend", []],
  ] as const)("is refused by a %s in time, and disturbs nobody", async (command, flags) => {
    const worker = command === "frontend" ? await serverForTest("mocker", FAST) : null;
    const route = worker === null ? [] : ["--worker", worker.url];
    const server = await serverForTest(command, [
      ...flags,
      ...route,
      "--request-timeout",
      command === "mocker" ? "1" : "1s",
    ]);
    const socket = await rawConnection(server.url);
    let answer = "";
    let closed = false;
    socket.on("data", (data: Buffer) => {
      answer += data;
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      closed = true;
    });
    const { head, body } = rawRequest({ max_tokens: 3 });
    socket.write(head);
    let sent = 0;
    let served = 0;
    // One byte each time that another client has been served.
    await waitFor("the trickling client to be refused", async () => {
      if (!closed && sent < body.length - 1) socket.write(body[sent++]!);
      const stream = new TestStream(server.url, { max_tokens: 3 });
      if ((await stream.ended) === "done") served++;
      return closed || answer !== "";
    });
    expect(answer).toMatch(/^HTTP\/1\.1 408 [\s\S]*"code":"request_timeout"/);
    expect(served).toBeGreaterThan(0);
    socket.destroy();
  });
});

describe("a frontend that is told to end (SIGTERM)", () => {
  it("finishes what it has and what waits, refuses what comes, and ends with 0", async () => {
    const slow = ["--model-name", "llama", "--timing", "fixed:10ms,10ms", "--max-num-seqs", "4"];
    const worker = await serverForTest("mocker", slow);
    const frontend = await serverForTest("frontend", ["--worker", worker.url, "--drain-delay", "500ms"]);
    const before = Array.from(
      { length: 8 },
      (_, i) => new TestStream(frontend.url, { prompt: [6, i], max_tokens: 80 }),
    );
    await waitFor("tokens", () => before.filter(({ tokens }) => tokens > 0).length === 4);
    frontend.process.kill("SIGTERM");
    await waitFor("the frontend to say that it drains", async () => (await statusOf(`${frontend.url}/health`)) === 503);
    const ended = await Promise.all(before.map(({ ended }) => ended));
    expect(new Set(ended)).toEqual(new Set(["done"]));
    expect(before.map(({ tokens }) => tokens)).toEqual(before.map(() => 80));
    expect(await frontend.process.exited).toEqual({ code: 0, signal: null });
    expect(await statusOf(`${frontend.url}/health`)).toBe(0);
    // The worker outlives it.
    expect(await getJson<{ state: string }>(`${worker.url}/worker`)).toMatchObject({ state: "ready" });
  });
});
