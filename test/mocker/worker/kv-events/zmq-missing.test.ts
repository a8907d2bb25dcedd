import { expect, it, vi } from "vitest";
import { formatUserError, UserError } from "#common";
import { KvEventFeed } from "../../../../mocker/worker/kv-events/feed.ts";
import { openZmqPublisher } from "../../../../mocker/worker/kv-events/zmq-publisher.ts";
import { HandFedWorker } from "./hand-fed-worker.ts";

vi.mock("zeromq", () => {
  throw new Error("No native build was found");
});

it("says what to do where the optional package is missing, and only when ZMQ is asked for", async () => {
  const hand = new HandFedWorker();
  const feed = new KvEventFeed(hand.worker);
  const opened = openZmqPublisher(feed, {
    clock: hand.worker.clock,
    endpoint: "tcp://127.0.0.1:0",
    dpSize: 1,
    blockSize: 4,
  });
  const error = await opened.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(UserError);
  expect(error).toMatchObject({ code: "WORKER_ZMQ_MISSING" });
  expect(formatUserError(error as UserError)).toContain("npm install zeromq");
});
