import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import type { KvTransferParams } from "#mocker/protocol";
import { httpPeers, type PeerClient } from "../../../../mocker/worker/core/peer-client.ts";
import { ManualTime } from "./manual-time.ts";

let server: Server | null = null;
let client: PeerClient | null = null;

afterEach(async () => {
  await client?.close();
  server?.closeAllConnections();
  server?.close();
  server = null;
});

interface Seen {
  line: string;
  body: string;
}

async function peerOf(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const seen: Seen[] = [];
  const made = createServer((request, response) => {
    let body = "";
    request.on("data", (data) => {
      body += data;
    });
    request.on("end", () => {
      seen.push({ line: `${request.method} ${request.url}`, body });
      answer(request, response);
    });
  });
  server = made;
  await new Promise<void>((resolve) => made.listen(0, "127.0.0.1", resolve));
  client = httpPeers(new ManualTime().clock);
  const params: KvTransferParams = {
    remote_host: "127.0.0.1",
    remote_port: (made.address() as AddressInfo).port,
  };
  return { seen, peer: client.peers(params) };
}

const signal = new AbortController().signal;

describe("a prefill worker over HTTP", () => {
  it("answers with parameters when the blocks are held", async () => {
    const held = { do_remote_prefill: true, held_at: 12.5 };
    const { seen, peer } = await peerOf((_, response) => response.end(JSON.stringify(held)));
    expect(await peer.wait("a/b c", signal)).toEqual(held);
    expect(seen).toEqual([{ line: "GET /kv_transfer/a%2Fb%20c", body: "" }]);
  });

  it.each([
    ["127.0.0.1", "example.invalid", false],
    ["127.0.0.1", "10.0.0.1", false],
    ["127.0.0.1", "127.example.invalid", false],
    ["0.0.0.0", "example.invalid", true],
  ])("of a worker on %s: %s is asked: %s", async (host, remote_host, asked) => {
    client = httpPeers(new ManualTime().clock, host);
    const answer = client.peers({ remote_host, remote_port: 1 }).wait("a", AbortSignal.timeout(asked ? 1 : 10_000));
    await expect(answer).rejects.toThrow(asked ? "does not answer" : "from loopback alone");
  });

  it.each([
    [404, "unknown"],
    [410, "failed"],
    [500, "failed"],
  ])("that answers %i has a request that is %s", async (status, kind) => {
    const { peer } = await peerOf((_, response) => response.writeHead(status).end());
    await expect(peer.wait("r", signal)).rejects.toMatchObject({ name: "HandoffError", kind });
  });

  it("is told when the transfer ended", async () => {
    const { seen, peer } = await peerOf((_, response) => response.end("{}"));
    expect(await peer.release("r", 1500)).toBe(true);
    expect(seen).toEqual([{ line: "POST /kv_transfer/r/release", body: '{"at":1.5}' }]);
  });

  it("says where it holds the blocks no more", async () => {
    const { peer } = await peerOf((_, response) => response.writeHead(404).end());
    expect(await peer.release("r", 0)).toBe(false);
  });

  it("is told that nobody will come", async () => {
    const { seen, peer } = await peerOf((_, response) => response.writeHead(204).end());
    await peer.abort("r");
    expect(seen.map(({ line }) => line)).toEqual(["DELETE /kv_transfer/r"]);
  });

  it("is asked no longer where the asker gives up", async () => {
    let gone = false;
    const { peer } = await peerOf((request) => {
      request.socket.on("close", () => {
        gone = true;
      });
      giveUp.abort();
    });
    const giveUp = new AbortController();
    await expect(peer.wait("r", giveUp.signal)).rejects.toMatchObject({ kind: "failed" });
    while (!gone) await new Promise(setImmediate);
  });

  it("that is gone has failed", async () => {
    const { peer } = await peerOf(() => {});
    server!.close();
    server!.closeAllConnections();
    await expect(peer.release("r", 0)).rejects.toMatchObject({ kind: "failed", message: /does not answer/ });
  });

  it("has to be named", async () => {
    client = httpPeers(new ManualTime().clock);
    await expect(client.peers({}).abort("r")).rejects.toMatchObject({ message: /name no prefill worker|names no/ });
  });
});
