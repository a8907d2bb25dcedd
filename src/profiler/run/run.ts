import { UserError } from "#common";
import type { Backend, ModelFacts } from "#src/estimator";
import { DEFAULT_GPU_HOUR_PRICE, pairCosts } from "../selection/cost.ts";
import type { EngineSource, ProfilingRequest, SearchStrategy } from "../types.ts";
import { interrupted } from "./errors.ts";
import { openRunLog } from "./log.ts";
import { openOutputFolder } from "./output-folder.ts";
import { pickedRun } from "./picked-run.ts";
import { excessBudget } from "./planner-settings.ts";
import { makeRun, type Run } from "./run-context.ts";
import { PHASE_MESSAGES, writeStatus } from "./status.ts";
import { sweptRun } from "./swept-run.ts";
import type { ProfilingResult, RunServices } from "./types.ts";

export interface RunOptions {
  /** What is known of the model; null: nothing. */
  facts: ModelFacts | null;
  openSource: (kind: SearchStrategy, run: Run) => Promise<EngineSource>;
}

/**
 * Profiles as asked and writes everything into the output folder. The status file tells the phase while it runs and how it ended;
 * whatever was deployed is gone afterwards, whichever way it ended.
 * @throws UserError PROFILER_INTERRUPTED where the signal ended it, and whatever went wrong else
 */
export async function runProfiler(
  request: ProfilingRequest,
  services: RunServices,
  { facts, openSource }: RunOptions,
): Promise<ProfilingResult> {
  const startedAt = services.now().getTime();
  const folder = openOutputFolder(request.outputDir);
  const log = openRunLog({
    folder: folder.path,
    now: services.now,
    startedAt,
    ...(services.console === undefined ? {} : { console: services.console }),
  });
  folder.note("profile_sla.log", "profiler_status.yaml");
  const { run, closeSources } = makeRun({
    request,
    backend: concrete(request.backend),
    facts,
    services,
    folder,
    log,
    openSource,
  });
  try {
    run.enter("Initializing");
    for (const text of request.warnings) log.warning(text);
    const excess = excessBudget(request);
    if (excess !== null) {
      const { budget, there } = excess;
      log.warning(
        `The planner's max_gpu_budget is set to ${there}, as there are no more GPUs (hardware.totalGpus): ` +
          `found ${budget === null ? "no limit" : `${budget} GPUs`}`,
      );
    }
    const outcome = await (request.dialect === "1.0" ? pickedRun(run) : sweptRun(run));
    await cleanUp(run, closeSources);
    const { deployment } = outcome;
    writeStatus(
      folder.path,
      {
        status: "success",
        phase: "Done",
        message: PHASE_MESSAGES.Done,
        ...(deployment === undefined ? {} : { outputs: { final_config: deployment } }),
      },
      services.now(),
    );
    const gpuHourPrice = services.gpuHourPrice ?? DEFAULT_GPU_HOUR_PRICE;
    return {
      ...outcome,
      costs: pairCosts(outcome.sweep.prefill, outcome.sweep.decode, request.workload, gpuHourPrice),
      gpuHourPrice,
      request,
      backend: run.backend,
      files: [...folder.files],
      warnings: [...log.warnings],
      elapsedMs: services.now().getTime() - startedAt,
    };
  } catch (error) {
    const cause = services.signal.aborted ? interrupted() : error;
    reportFailure(run, cause);
    await cleanUp(run, closeSources);
    throw cause;
  } finally {
    log.close();
  }
}

/** What a deployment is made for where any backend will do, until a pick says another. */
function concrete(backend: Backend | "auto"): Backend {
  return backend === "auto" ? "vllm" : backend;
}

function reportFailure({ log, folder, services, phase }: Run, error: unknown): void {
  const text = error instanceof Error ? error.message : String(error);
  log.error(`Profile job failed with error: ${text}`);
  const type = error instanceof Error ? error.name : typeof error;
  const code = error instanceof UserError ? error.code : "";
  const known = {
    PROFILER_INTERRUPTED: "Profiler was interrupted",
    PROFILER_NO_DGD: "Profiler did not produce a DGD config.",
  };
  writeStatus(
    folder.path,
    {
      status: "failed",
      phase,
      message: known[code as keyof typeof known] ?? `Profiler failed with exception: ${type}`,
      error: text,
    },
    services.now(),
  );
}

async function cleanUp({ log }: Run, closeSources: () => Promise<void>): Promise<void> {
  log.info("Performing final cleanup of any remaining deployments...");
  try {
    await closeSources();
    log.info("Final cleanup completed.");
  } catch (error) {
    log.error(`Final cleanup failed: ${error instanceof Error ? error.message : String(error)}`);
  }
}
