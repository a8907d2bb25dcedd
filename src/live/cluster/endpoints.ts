import { realPace } from "#planner/connectors";
import type { AppliedDeployment } from "#src/deployment";
import { servedModels } from "#src/loadgen";
import { frontendUnreachable, otherTimeScale } from "../errors.ts";

/** One question to a server of the deployment's, real ms. */
const QUESTION_MS = 5000;
/** Until the frontend knows its workers, real ms. */
const DISCOVERY_MS = 60_000;
const POLL_MS = 200;

const NEXT_TICK = /^dynamo_planner_next_tick_timestamp_seconds (\S+)$/m;

/** Address and model to send the traffic to. @throws UserError LIVE_FRONTEND_UNREACHABLE, or what `signal` is aborted with */
export async function frontendOf(
  applied: AppliedDeployment,
  given: string | undefined,
  signal: AbortSignal,
): Promise<{ url: string; model: string }> {
  const place = `${applied.namespace}/${applied.name}`;
  const untilMs = performance.now() + DISCOVERY_MS;
  for (;;) {
    signal.throwIfAborted();
    const url = given ?? (await applied.pods("http", signal)).find(({ type, url }) => type === "frontend" && url)?.url;
    const why = url ? await whyNotServing(url) : "none of its pods is ready and has an address";
    if (typeof why !== "string") return { url: url!, model: why.model };
    if (performance.now() > untilMs) throw frontendUnreachable(url ?? place, why);
    await realPace.sleep(POLL_MS, signal);
  }
}

async function whyNotServing(url: string): Promise<string | { model: string }> {
  try {
    const models = await servedModels({ url });
    const [model] = models ?? [];
    return model === undefined ? "it knows of no model" : { model };
  } catch (error) {
    return (error as Error).message;
  }
}

/**
 * How fast the deployment's clocks go, model time by real time: its workers say it.
 * @param given what the user says
 * @throws UserError LIVE_OTHER_TIME_SCALE where the workers say something else
 */
export async function timeScaleOf(
  applied: AppliedDeployment,
  given: number | undefined,
  signal: AbortSignal,
): Promise<{ timeScale: number; warning: string | null }> {
  for (const { type, url } of await applied.pods("system", signal)) {
    if (url === null || !["worker", "prefill", "decode"].includes(type)) continue;
    const card = await answer(`${url}/worker`, signal);
    const found = card === null ? undefined : (JSON.parse(card) as { timeScale?: number }).timeScale;
    if (found === undefined) continue;
    if (given !== undefined && given !== found) throw otherTimeScale(given, found);
    return { timeScale: found, warning: null };
  }
  const timeScale = given ?? 1;
  return {
    timeScale,
    warning: `no worker can be asked from here how fast its clock goes: ${timeScale} is taken for it`,
  };
}

/**
 * When the planner decides next, Unix ms: as it says, or by its start, to which what it takes to begin is not added; null where there is none.
 * @param intervalMs real ms
 */
export async function plannerTick(
  applied: AppliedDeployment,
  intervalMs: number,
  signal: AbortSignal,
): Promise<number | null> {
  const planner = (await applied.pods("metrics", signal)).find(({ type }) => type === "planner");
  if (planner === undefined) return null;
  const metrics = planner.url === null ? null : await answer(`${planner.url}/metrics`, signal);
  const said = NEXT_TICK.exec(metrics ?? "")?.[1];
  if (said !== undefined) return Number(said) * 1000;
  return planner.startedUnixMs === null ? null : planner.startedUnixMs + intervalMs;
}

/** Null where there is no good answer. */
async function answer(url: string, signal: AbortSignal): Promise<string | null> {
  try {
    const response = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(QUESTION_MS)]) });
    return response.ok ? await response.text() : null;
  } catch {
    signal.throwIfAborted();
    return null;
  }
}
