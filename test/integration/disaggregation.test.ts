import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CliServer, loadOf, startServer, waitFor, workersReady } from "./processes.ts";
import { TestStream } from "./streams.ts";

/** A prompt takes 200 ms; its 200 tokens then travel for 400 ms. */
const COMMON = ["--model-name", "llama", "--timing", "fixed:200ms,10ms", "--kv-bytes-per-token", "1000"];
const TRANSFER = ["--kv-transfer-bandwidth", "0.0005"];
const PROMPT_TOKENS = 200;
const TOKENS = 20;

/** Those that are still there: the tests kill one of each. */
let prefill: CliServer[];
let decode: CliServer[];
let frontend: CliServer;

beforeAll(async () => {
  const worker = (mode: string) => startServer("mocker", [...COMMON, ...TRANSFER, "--disaggregation-mode", mode]);
  const started = await Promise.all([worker("prefill"), worker("prefill"), worker("decode"), worker("decode")]);
  prefill = started.slice(0, 2);
  decode = started.slice(2);
  const urls = started.flatMap(({ url }) => ["--worker", url]);
  frontend = await startServer("frontend", [...urls, "--health-interval", "200ms"]);
  await workersReady(frontend, 4);
});

afterAll(() => Promise.all([...prefill, ...decode, frontend].map(({ process }) => process.end())));

async function kill(workers: CliServer[]): Promise<void> {
  const [victim] = workers.splice(0, 1);
  victim!.process.kill("SIGKILL");
  await victim!.process.exited;
}

function streams(count: number): TestStream[] {
  return Array.from({ length: count }, (_, i) => {
    const prompt = Array.from({ length: PROMPT_TOKENS }, (_, at) => 10 + ((i * 31 + at * 7) % 900));
    return new TestStream(frontend.url, { prompt, max_tokens: TOKENS });
  });
}

const ends = (all: readonly TestStream[]) => Promise.all(all.map(({ ended }) => ended));
const idOf = ({ port }: CliServer) => `worker-${port}`;

async function holdings(worker: CliServer) {
  const { running, waiting, usedBlocks } = await loadOf(worker);
  const metrics = await (await fetch(`${worker.url}/metrics`)).text();
  const held = Number(/^understudy_worker_held_requests\S* (\d+)$/m.exec(metrics)?.[1]);
  return { running, waiting, usedBlocks, held };
}

async function nothingHeld(workers: readonly CliServer[]): Promise<void> {
  for (const worker of workers) {
    // What it holds is shown where it goes on holding it.
    await expect
      .poll(async () => holdings(worker), { timeout: 30_000, message: idOf(worker) })
      .toEqual({ running: 0, waiting: 0, usedBlocks: 0, held: 0 });
  }
}

describe("prefill and decode workers behind a frontend", () => {
  it("share each request, and keep none of its blocks", async () => {
    const all = streams(8);
    expect(new Set(await ends(all))).toEqual(new Set(["done"]));
    expect(all.map(({ tokens }) => tokens)).toEqual(all.map(() => TOKENS));
    expect(new Set(all.map(({ headers }) => headers["x-prefill-worker-id"]))).toEqual(new Set(prefill.map(idOf)));
    expect(new Set(all.map(({ workerId }) => workerId))).toEqual(new Set(decode.map(idOf)));
    await nothingHeld([...prefill, ...decode]);
  });

  it("free both sides whenever a client hangs up: while a prompt is computed, handed over, or under way", async () => {
    const all = streams(32);
    await waitFor("prompts to be computed", async () => (await loadOf(prefill[0]!)).running > 0);
    let hungUp = 0;
    // One at each look, over more than it takes to compute prompts twice and to send them off.
    await waitFor("all clients to have hung up", () => {
      all[hungUp++]?.abort();
      return hungUp > all.length;
    });
    await ends(all);
    await nothingHeld([...prefill, ...decode]);
    expect(new Set(await ends(streams(2)))).toEqual(new Set(["done"]));
  });

  it("lose nothing where a decode worker is killed while blocks travel to it", async () => {
    const all = streams(8);
    await waitFor("blocks to be reserved", async () => (await loadOf(decode[0]!)).usedBlocks > 0);
    expect(all.every(({ tokens }) => tokens === 0)).toBe(true);
    await kill(decode);
    expect(new Set(await ends(all))).toEqual(new Set(["done"]));
    expect(all.map(({ tokens }) => tokens)).toEqual(all.map(() => TOKENS));
    await nothingHeld([...prefill, ...decode]);
  });

  it("lose nothing where a prefill worker is killed while it computes", async () => {
    const all = streams(8);
    await waitFor("the victim to compute", async () => (await loadOf(prefill[0]!)).running > 0);
    await kill(prefill);
    expect(new Set(await ends(all))).toEqual(new Set(["done"]));
    expect(all.map(({ tokens }) => tokens)).toEqual(all.map(() => TOKENS));
    await nothingHeld([...prefill, ...decode]);
  });
});
