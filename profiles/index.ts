export { unsnappedCompatSurface } from "./compat/surface.ts";
export { type MockerFit, mockerTableToProfile, profileToMockerTable } from "./convert.ts";
export { type DiffSummary, diffProfiles, type ProfileDiff } from "./diff.ts";
export { leastSquares, type NormalEquations, normalEquations, solveNormalEquations } from "./least-squares.ts";
export { type LeaveOneOutErrors, leaveOneOut } from "./leave-one-out.ts";
export { type LoadOptions, loadMockerTable, loadProfile, loadProfileHalf, shippedProfiles } from "./load.ts";
export { decodeMockerTable, encodeMockerTable } from "./mocker-table.ts";
export { decodeNpy, encodeNpy, type NpyArray, type NpyDtype, type NpyInput } from "./npy.ts";
export { encodeNpz, type Npz, openNpz } from "./npz.ts";
export { decodeJsonPair, decodeProfileJson, encodeProfileJson } from "./profile-json.ts";
export {
  encodeJsonPair,
  saveJsonPair,
  saveMockerTable,
  saveProfileHalf,
  saveProfileJson,
  saveResultsFolder,
} from "./save.ts";
export { buildSurface } from "./surface.ts";
export type * from "./types.ts";
export type { Finding, Severity } from "./validation/finding.ts";
export { correctGpuCount } from "./validation/gpu-count.ts";
export { validateProfile } from "./validation/validate.ts";
