import type { Registry } from "#common/prometheus";

/** The process's own, by the names of Prometheus' client libraries; the same on every worker of a process. */
export function processMetrics(registry: Registry): void {
  const cpu = registry.counter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.");
  const memory = registry.gauge("process_resident_memory_bytes", "Resident memory size in bytes.");
  const started = registry.gauge(
    "process_start_time_seconds",
    "Start time of the process since unix epoch in seconds.",
  );
  started.set(Math.round(performance.timeOrigin) / 1000);
  registry.collect(() => {
    const { user, system } = process.cpuUsage();
    cpu.setTotal((user + system) / 1e6);
    memory.set(process.memoryUsage.rss());
  });
}
