import { EventEmitter } from "node:events";
import { expect, it } from "vitest";
import { toldToEnd } from "../../src/cli/told-to-end.ts";

it.each(["SIGTERM", "SIGINT"])(
  "a process that was told to end (%s) leaves any second signal to the system",
  async (signal) => {
    const source = new EventEmitter();
    const told = toldToEnd(source);
    expect(source.listenerCount("SIGTERM") + source.listenerCount("SIGINT")).toBe(2);
    source.emit(signal);
    await told;
    // Nobody listens any more, so the next one ends the process.
    expect(source.listenerCount("SIGTERM") + source.listenerCount("SIGINT")).toBe(0);
  },
);
