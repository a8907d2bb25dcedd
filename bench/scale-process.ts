/** Runs one row of the bench of scale: its name on the command line, what it cost as JSON on stdout. */
import { tmpdir } from "node:os";
import { plannerConfigSchema } from "#planner/core";
import { parseScenario } from "#scenarios";
import { type ReportedRun, ROWS_IN_MEMORY, RowFile, type StoredRun } from "#src/record";
import { prepareRehearsal, type RehearsalSteps } from "#src/rehearsal";
import { summarize } from "#src/report";
import { scaleScenario } from "./scale-rows.ts";

const name = process.argv[2]!;
const requests = Number(process.argv[3]);
const scenario = parseScenario(JSON.stringify(scaleScenario(name, requests)), "bench", {
  plannerSchema: plannerConfigSchema,
});

const started = performance.now();
const { record, file, drawnMs, ranMs } = play();
const summary = summarize(record);
const endedMs = performance.now();
file?.close();
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

/** As `understudy run` does it: what is behind the record is gone when it returns. */
function play() {
  const rehearsal = prepareRehearsal(scenario);
  const drawnMs = performance.now();
  const file = rehearsal.workload.count > ROWS_IN_MEMORY ? new RowFile(tmpdir()) : null;
  const record: ReportedRun = file === null ? rehearsal.run() : wholeRun(rehearsal.startOntoDisk(file));
  return { record, file, drawnMs, ranMs: performance.now() };
}

function wholeRun(steps: RehearsalSteps<StoredRun>): StoredRun {
  while (steps.advance());
  return steps.result();
}
