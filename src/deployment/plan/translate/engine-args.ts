import { wrongType } from "../../errors.ts";
import { isObject } from "../../graph/json.ts";
import { notMounted } from "../errors.ts";
import type { GivenFlag } from "../flags.ts";
import type { MountedFile } from "../types.ts";
import { containerPath } from "./paths.ts";
import type { Source } from "./translation.ts";

/** Keys about which our mocker can be told by flags, which mean something else here. */
const AS_FLAGS: Readonly<Record<string, string>> = {
  engine_type: "engine-type",
  planner_profile_data: "planner-profile-data",
  bootstrap_port: "bootstrap-ports",
  zmq_kv_events_port: "zmq-kv-events-ports",
  zmq_replay_port: "zmq-replay-ports",
};
const WITHOUT_MEANING = ["enable_local_indexer", "worker_id"];

/**
 * The mounted file of `--extra-engine-args`: what of it means something else here becomes flags, the rest stays in the file.
 * @throws UserError where no volume mounts it, or it is no JSON object
 */
export function readEngineArgs(
  given: readonly GivenFlag[],
  source: Source,
): { flags: GivenFlag[]; files: MountedFile[] } {
  const { scope, mounts } = source;
  const where = scope.component.containerPath();
  const path = given.findLast(({ name }) => name === "extra-engine-args")?.value;
  if (path === undefined) return { flags: [], files: [] };
  const full = containerPath(path, source);
  const file = mounts.files.find(({ mountPath }) => mountPath === full);
  if (!file) throw notMounted(where, "--extra-engine-args", path);
  const text = new TextDecoder().decode(file.content);
  const values = parsed(text);
  if (!isObject(values)) throw wrongType(`${where}: ${full}`, "a JSON object of engine settings", text.slice(0, 80));
  const flags = Object.entries(AS_FLAGS).flatMap(([key, name]): GivenFlag[] => {
    const value = values[key];
    return typeof value === "string" || typeof value === "number" ? [{ name, value: String(value) }] : [];
  });
  const left = WITHOUT_MEANING.filter((key) => key in values);
  if (left.length > 0)
    scope.note(`${left.join(", ")} of ${full} left aside: workers and frontends meet over HTTP here`);
  const moved = [...Object.keys(AS_FLAGS), ...left].filter((key) => key in values);
  if (moved.length === 0) return { flags, files: [] };
  const rest = Object.fromEntries(Object.entries(values).filter(([key]) => !moved.includes(key)));
  return { flags, files: [{ mountPath: full, content: new TextEncoder().encode(JSON.stringify(rest)) }] };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
