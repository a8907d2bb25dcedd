import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { pollingWaker, TimerQueue, threadWaker, type WakerFactory, wallClock } from "#common";

const run = promisify(execFile);

function woken(make: WakerFactory, waits: readonly number[]): Promise<number[]> {
  return new Promise((resolve) => {
    const early: number[] = [];
    let dueMs = 0;
    const waker = make(() => {
      early.push(dueMs - performance.now());
      if (early.length < waits.length) {
        arm();
      } else {
        waker.close();
        resolve(early);
      }
    });
    const arm = () => {
      const waitMs = waits[early.length]!;
      dueMs = performance.now() + waitMs;
      waker.arm(waitMs);
    };
    arm();
  });
}

describe.each([
  ["a polling waker", pollingWaker],
  ["a waker with a helper thread", threadWaker],
])("%s", (_, make) => {
  it("wakes once for each time it is armed, and never early", async () => {
    const waits = [0, 0.05, 0.3, 1, 2.5, 7.3, 40, 0.2, 3, 0];
    const early = await woken(make, waits);
    expect(early).toHaveLength(waits.length);
    // performance.now and hrtime are one clock, read one after the other.
    for (const ms of early) expect(ms).toBeLessThanOrEqual(0.01);
  });

  it("takes the last time it is armed with, and none when it is disarmed", async () => {
    let wakeUps = 0;
    const waker = make(() => wakeUps++);
    waker.arm(5);
    waker.disarm();
    const dueMs = performance.now() + 30;
    waker.arm(3);
    waker.arm(30);
    while (wakeUps === 0) await new Promise(setImmediate);
    expect(performance.now()).toBeGreaterThanOrEqual(dueMs - 0.01);
    const quietUntilMs = performance.now() + 20;
    while (performance.now() < quietUntilMs) await new Promise(setImmediate);
    expect(wakeUps).toBe(1);
    waker.close();
  });
});

describe("a process with a timer queue", () => {
  const script = (body: string) =>
    run(process.execPath, ["--input-type=module", "-e", `import { TimerQueue, wallClock } from "#common"; ${body}`]);

  it("ends where nothing is to happen, although the queue is open", async () => {
    const { stdout } = await script(
      `const queue = new TimerQueue(wallClock()); queue.at(queue.nowMs() + 30, () => console.log("called"));`,
    );
    expect(stdout).toBe("called\n");
  });

  it("ends where what was to happen is cancelled", async () => {
    const { stdout } = await script(
      `const queue = new TimerQueue(wallClock()); queue.cancel(queue.at(1e9, () => {})); queue.at(1, () => console.log("done"));`,
    );
    expect(stdout).toBe("done\n");
  });
});

describe("a timer queue on the wall clock", () => {
  it("keeps deadlines in order and counts from where it stands, not from when it woke up", async () => {
    const queue = new TimerQueue(wallClock(20));
    const startMs = queue.nowMs();
    const deadlines: number[] = [];
    await new Promise<void>((resolve) => {
      const step = (atMs: number) => {
        expect(queue.clock.nowMs()).toBeGreaterThanOrEqual(atMs);
        deadlines.push(atMs - startMs);
        if (deadlines.length < 50) queue.at(atMs + 7, step);
        else resolve();
      };
      queue.at(startMs + 7, step);
    });
    queue.close();
    deadlines.forEach((atMs, i) => {
      expect(atMs).toBeCloseTo((i + 1) * 7, 6);
    });
  });
});
