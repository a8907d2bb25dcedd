/** CPU and memory of processes that are not ours, from Linux' /proc. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import type { Usage } from "./child.ts";

let ticks: number | null = null;

function ticksPerSecond(): number {
  ticks ??= Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
  return ticks;
}

/** User and system time of all threads; grain of 10 ms. */
export function processUsage(pid: number): Usage {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  // The second field, the command in brackets, may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  const kilobytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]);
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond(),
    rssBytes: kilobytes("VmRSS") * 1024,
    peakRssBytes: kilobytes("VmHWM") * 1024,
  };
}

/** CPU time that the whole machine has spent on anything but idling, s; NaN where there is no /proc. */
export function busyCpuSeconds(): number {
  try {
    const [, user, nice, system, , , irq, softirq, steal] = readFileSync("/proc/stat", "latin1")
      .split(/\s+/, 9)
      .map(Number);
    return (user! + nice! + system! + irq! + softirq! + steal!) / ticksPerSecond();
  } catch {
    return Number.NaN;
  }
}
