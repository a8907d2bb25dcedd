/** Runs one row of the bench of scale: its name on the command line, what it cost as JSON on stdout. */
import { plannerConfigSchema } from "#planner/core";
import { parseScenario } from "#scenarios";
import { prepareRehearsal } from "#src/rehearsal";
import { summarize } from "#src/report";
import { scaleScenario } from "./scale-rows.ts";

const name = process.argv[2]!;
const requests = Number(process.argv[3]);
const scenario = parseScenario(JSON.stringify(scaleScenario(name, requests)), "bench", {
  plannerSchema: plannerConfigSchema,
});
const started = performance.now();
const rehearsal = prepareRehearsal(scenario);
const drawnMs = performance.now();
const record = rehearsal.run();
const ranMs = performance.now();
const summary = summarize(record);
const endedMs = performance.now();
const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
process.stdout.write(
  JSON.stringify({
    requests: summary.requests.total,
    completed: summary.requests.completed,
    attainment: summary.attainment.share,
    workers: record.workers.length,
    peakGpus: summary.cost.peakGpus,
    decisions: record.decisions.length,
    scaleEvents: summary.scaling.events,
    passes: record.engine.passes,
    drawSeconds: (drawnMs - started) / 1000,
    runSeconds: (ranMs - drawnMs) / 1000,
    summarySeconds: (endedMs - ranMs) / 1000,
    cpuSeconds: (userCPUTime + systemCPUTime) / 1e6,
    peakRssBytes: maxRSS * 1024,
  }),
);
