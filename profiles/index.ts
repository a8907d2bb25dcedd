export { unsnappedCompatSurface } from "./compat/surface.ts";
export { type LeaveOneOutErrors, leaveOneOut } from "./leave-one-out.ts";
export { type LoadOptions, loadMockerTable, loadProfile, shippedProfiles } from "./load.ts";
export {
  decodeMockerTable,
  encodeMockerTable,
  mockerTableToProfile,
  profileToMockerTable,
} from "./mocker-table.ts";
export { decodeNpy, encodeNpy, type NpyArray, type NpyDtype, type NpyInput } from "./npy.ts";
export { encodeNpz, type Npz, openNpz } from "./npz.ts";
export { decodeJsonPair, decodeProfileJson, encodeProfileJson } from "./profile-json.ts";
export { saveJsonPair, saveMockerTable, saveProfileJson, saveResultsFolder } from "./save.ts";
export { buildSurface } from "./surface.ts";
export type * from "./types.ts";
