import { buildSurface, type Profile } from "#profiles";
import { DEFAULT_GPU_HOUR_PRICE, pairCosts } from "../selection/cost.ts";
import type { SweepResults } from "../types.ts";
import type { Chosen } from "./choose.ts";
import { DECODE_FOLDER, PREFILL_FOLDER } from "./curves.ts";
import type { Run } from "./run-context.ts";

/** Drawing needs a font and a rasteriser, which the rest of a run does not wait for. */
const report = () => import("#src/report");

/** Draws the sweep: TTFT and ITL against throughput, and since 0.8 what requests cost. */
export async function drawSweep(run: Run, sweep: SweepResults, chosen: Chosen): Promise<void> {
  const { request, backend, folder } = run;
  const { sweepPlots, svgToPng } = await report();
  const gpu = request.hardware.gpuSku ?? request.aic.system;
  const price = run.services.gpuHourPrice ?? DEFAULT_GPU_HOUR_PRICE;
  const plots = sweepPlots({
    subject: `${request.model}, ${backend}${gpu === undefined ? "" : ` on ${gpu}`}`,
    isl: request.workload.isl,
    osl: request.workload.osl,
    sla: { ttftMs: request.sla.ttftMs, itlMs: request.sla.itlMs },
    prefill: sweep.prefill.map(({ mapping, ttftMs, throughputPerGpu }) => ({
      label: mapping.label,
      ttftMs,
      throughputPerGpu,
    })),
    decode: sweep.decode.map(({ mapping, concurrency, itlMs, throughputPerGpu }) => ({
      label: mapping.label,
      concurrency,
      itlMs,
      throughputPerGpu,
    })),
    costs: pairCosts(sweep.prefill, sweep.decode, request.workload, price).map((pair) => ({
      ttftMs: pair.prefill.ttftMs,
      itlMs: pair.decode.itlMs,
      dollars: pair.price,
    })),
    dollarsPerGpuHour: price,
    picked: {
      ...(chosen.prefill === undefined ? {} : { prefill: sweep.prefill.indexOf(chosen.prefill) }),
      ...(chosen.decode === undefined ? {} : { decode: sweep.decode.indexOf(chosen.decode) }),
    },
  });
  const hasCost = request.dialect === "0.8" || request.dialect === "1.0";
  for (const { name, svg } of plots) {
    if (name !== "cost_sla" || hasCost) folder.write(`${name}.png`, svgToPng(svg));
  }
}

/**
 * Draws the profile, each picture in the folder of its phase. In 0.8 the throughput pictures are at the top as well, where the
 * documents of that time list them.
 */
export async function drawCurves(run: Run, profile: Profile): Promise<void> {
  const { request, folder } = run;
  const { interpolationPlots, svgToPng } = await report();
  const { ttftMs, itlMs } = request.sla;
  for (const { name, phase, svg } of interpolationPlots(profile, buildSurface(profile), { sla: { ttftMs, itlMs } })) {
    const png = svgToPng(svg);
    folder.write(`${phase === "prefill" ? PREFILL_FOLDER : DECODE_FOLDER}/${name}.png`, png);
    if (request.dialect === "0.8" && name.includes("throughput")) folder.write(`${name}.png`, png);
  }
}
