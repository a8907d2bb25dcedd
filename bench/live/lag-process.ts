/** How late this machine wakes a sleeping thread: a child that sleeps 2 ms again and again, beside whatever is measured. */
import { answerCalls } from "./child.ts";

const SLEEP_MS = 2;
/** Sleeps between looks at the IPC channel. */
const SLEEPS_PER_TURN = 10;
const cell = new Int32Array(new SharedArrayBuffer(4));

/** Lateness of wake-ups, ms. */
export interface Lag {
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
}

let lateMs: number[] = [];
let measuring = false;

function turn(): void {
  if (!measuring) return;
  for (let i = 0; i < SLEEPS_PER_TURN; i++) {
    const before = performance.now();
    Atomics.wait(cell, 0, 0, SLEEP_MS);
    lateMs.push(performance.now() - before - SLEEP_MS);
  }
  setImmediate(turn);
}

answerCalls({
  start() {
    lateMs = [];
    measuring = true;
    turn();
  },
  stop(): Lag {
    measuring = false;
    const sorted = Float64Array.from(lateMs).sort();
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
    return { p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
  },
});
