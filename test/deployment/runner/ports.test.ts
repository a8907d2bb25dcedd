import { once } from "node:events";
import { createServer } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { isFree, Ports } from "../../../src/deployment/runner/ports.ts";
import { freePort } from "../../integration/processes.ts";

it("gives a port once, and below those of outgoing connections", async () => {
  const ports = new Ports("test");
  const given = await Promise.all(Array.from({ length: 20 }, () => ports.take()));
  expect(new Set(given).size).toBe(20);
  for (const port of given) expect(port).toSatisfy((n: number) => n >= 20_000 && n < 32_000);
});

it("waits for a wanted port that its last holder is about to let go", async () => {
  const port = await freePort();
  const server = createServer().listen(port, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  expect(await isFree(port)).toBe(false);
  const taken = new Ports("test").take(port);
  server.close();
  expect(await taken).toBe(port);
});

it("gives another one where a wanted port stays taken", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const given = await new Ports("test").take(port);
  expect(given).not.toBe(port);
  expect(await isFree(given)).toBe(true);
});
