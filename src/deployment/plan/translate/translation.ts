import type { Program } from "../program.ts";
import type { Scope } from "../scope.ts";
import type { MountedFile, ReplicaKind } from "../types.ts";
import type { Mounts } from "../volumes.ts";

/** What a program of the manifest is here. */
export interface Translation {
  kind: ReplicaKind;
  argv: string[];
  workersPerReplica: number;
  /** Of workers: what they do, and of what model. */
  worker?: { role: "prefill" | "decode" | "worker"; model: string | null };
  port: number | null;
  prometheus: string | null;
  /** Files that are other here than the manifest has them, by their paths. */
  files?: readonly MountedFile[];
  /** Variables that must not reach the process. */
  withoutEnv: readonly string[];
}

/** All that a translation is made of. */
export interface Source {
  scope: Scope;
  program: Program & { kind: Exclude<Program["kind"], "prometheus"> };
  variables: ReadonlyMap<string, string>;
  mounts: Mounts;
}

export const PLAIN = { workersPerReplica: 1, port: null, prometheus: null, withoutEnv: [] } as const;
