import {
  defaultBlockSize,
  ENGINE_DEFAULTS,
  ENGINE_QUIRK_NAMES,
  type EngineQuirks,
  type EngineRole,
  engineConfig,
  fixedTiming,
  type KvOffload,
  NO_ENGINE_QUIRKS,
  polynomialTiming,
  profileTiming,
  rankConfig,
  type TimingModel,
  tableTiming,
} from "#mocker/engine";
import { buildSurface, loadMockerTable, type Profile, type Surface } from "#profiles";
import type { Deployment, KvOffloadChoice, PoolSettings } from "#scenarios";
import { estimatorBlocks, estimatorTiming, type NativeEngine } from "#src/estimator";
import type { RoleName } from "#src/record";
import type { PoolSpec } from "#src/simulator";
import { enginePlace, NO_DOCUMENT, type Places, withEnginePlaces, withEstimatorPlace } from "./engine-places.ts";
import { smallHostMemory, unknownKvBytes } from "./errors.ts";
import { estimatedEngine } from "./estimated-engine.ts";

/** Switches by name, on where the scenario lists them. */
export function engineQuirks(names: readonly string[]): EngineQuirks {
  const quirks = { ...NO_ENGINE_QUIRKS };
  for (const name of ENGINE_QUIRK_NAMES) quirks[name] = names.includes(name);
  return quirks;
}

/**
 * The pool that plays a role, from a scenario's settings; what they leave open comes from the estimate that is played, from the
 * profile, then from defaults.
 * Asked by processes of a live run, too: a deployment can be sent to them, the functions of a timing model can't.
 * @param places of the scenario's document, where there is one
 * @throws UserError ENGINE_BAD_CONFIG, REHEARSAL_UNKNOWN_KV_BYTES, REHEARSAL_SMALL_HOST_MEMORY
 */
export function poolSpec(
  deployment: Deployment,
  roleName: RoleName,
  profile: Profile | null,
  places: Places = NO_DOCUMENT,
): PoolSpec {
  const settings = roleName === "prefill" ? deployment.prefill! : deployment.decode;
  const role: EngineRole = deployment.prefill === null ? "aggregated" : roleName;
  const { timing: _timing, kvOffload, reasoning, ...overrides } = withoutUndefined(settings.engine);
  const quirks = engineQuirks(deployment.quirks);
  const blockSize = overrides.blockSize ?? defaultBlockSize(overrides.family);
  const surface = profile === null ? null : buildSurface(profile, deployment.surfaces);
  const { mode } = deployment;
  const estimated = withEstimatorPlace(mode, roleName, places, () => estimatedEngine(settings));
  const numGpuBlocks =
    overrides.numGpuBlocks ??
    (estimated === null ? profileBlocks(surface, blockSize) : estimatorBlocks(estimated, blockSize, settings.dpSize));
  const capacityTokens = numGpuBlocks * blockSize;
  const timing =
    estimated === null
      ? timingModel(settings, surface, capacityTokens, quirks)
      : estimatorTiming(estimated, { schedulers: settings.dpSize });
  const host =
    kvOffload === undefined
      ? null
      : hostMemory(kvOffload, blockSize, {
          bytesPerToken: kvBytesPerToken(estimated, profile),
          profile: deployment.profile,
          where: () => enginePlace(mode, roleName, ["kvOffload"], places),
        });
  const engine = withEnginePlaces(mode, roleName, places, () => {
    const thinkingRatio = reasoning?.ratio ?? 0;
    const config = { ...overrides, role, blockSize, numGpuBlocks, quirks, thinkingRatio, kvOffload: host, timing };
    const made = engineConfig(config);
    rankConfig(made, settings.dpSize);
    return made;
  });
  return {
    workers: settings.workers,
    engine,
    dpSize: settings.dpSize,
    gpusPerWorker: settings.gpusPerWorker ?? engineGpus(estimated, profile, role),
    startupMs: settings.startupMs ?? profiledStartupMs(profile, role),
  };
}

/** Bytes of a token's KV, where anything says it. */
export function kvBytesPerToken(estimated: NativeEngine | null, profile: Profile | null): number | undefined {
  return estimated?.facts.kvBytesPerToken ?? profile?.provenance.kvBytesPerToken;
}

/** Host memory in blocks of the engine. @throws UserError REHEARSAL_UNKNOWN_KV_BYTES, REHEARSAL_SMALL_HOST_MEMORY */
function hostMemory(
  { hostBytes, hostBlocks, bytesPerSecond, bytesPerToken }: KvOffloadChoice,
  blockSize: number,
  known: { bytesPerToken: number | undefined; profile: string | null; where: () => string },
): KvOffload {
  const tokenBytes = bytesPerToken ?? known.bytesPerToken;
  if (tokenBytes === undefined) throw unknownKvBytes(known.where(), known.profile ?? "(none)", "kvOffload");
  const bytesPerBlock = tokenBytes * blockSize;
  const blocks = hostBlocks ?? Math.floor(hostBytes! / bytesPerBlock);
  if (blocks === 0) throw smallHostMemory(known.where(), hostBytes!, bytesPerBlock);
  return { hostBlocks: blocks, bytesPerBlock, bytesPerSecond };
}

function profiledStartupMs(profile: Profile | null, role: EngineRole): number {
  const { prefillStartupMs, decodeStartupMs } = profile?.provenance ?? {};
  return (role === "prefill" ? prefillStartupMs : decodeStartupMs) ?? 0;
}

/** The cache that the profile was measured with, in whole blocks. */
function profileBlocks(surface: Surface | null, blockSize: number): number {
  if (surface === null) return ENGINE_DEFAULTS.numGpuBlocks;
  return Math.max(1, Math.floor(surface.maxKvTokens / blockSize));
}

function engineGpus(estimated: NativeEngine | null, profile: Profile | null, role: EngineRole): number {
  if (estimated !== null) return estimated.facts.layout.gpus;
  const { provenance } = profile ?? {};
  return (role === "prefill" ? provenance?.gpusPerPrefillEngine : provenance?.gpusPerDecodeEngine) ?? 1;
}

function timingModel(
  { engine: { timing } }: PoolSettings,
  surface: Surface | null,
  capacityTokens: number,
  quirks: EngineQuirks,
): TimingModel {
  switch (timing?.kind) {
    case "polynomial":
      return polynomialTiming({ capacityTokens });
    case "fixed":
      return fixedTiming({
        prefillMs: timing.prefillMs,
        decodeMs: timing.decodeMs,
        perPass: quirks.fixedPrefillPerPass,
      });
    case "table":
      return tableTiming(loadMockerTable(timing.file));
    default:
      // The format lets nobody go without a profile here.
      return profileTiming(surface!, { capacityTokens, prefillByBatchTotal: quirks.integerMeans });
  }
}

function withoutUndefined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
