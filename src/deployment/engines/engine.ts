import type { Backend, EngineLayout } from "#src/estimator";
import type { DeploymentDialect } from "../types.ts";
import type { Arguments } from "./arguments.ts";
import { sglang } from "./sglang.ts";
import { trtllm } from "./trtllm.ts";
import { vllm } from "./vllm.ts";

/** Where an engine finds its model, and what clients call it. */
export interface ServedModel {
  /** Hugging Face id, or a path in the container. */
  path: string;
  name: string;
}

/** Limits of a candidate that is measured for prefill alone. */
export interface PrefillLimits {
  /** Prompts at once. */
  batch: number;
  /** Tokens of a forward pass: large enough that no prompt is cut. */
  tokens: number;
}

/** How one backend is told things: its flags. All change the arguments in place. */
export interface EngineFlags {
  setModel(args: Arguments, model: ServedModel): void;
  /** Name that clients use, or undefined where the arguments do not say. */
  model(args: Arguments): string | undefined;
  /** Where the engine looks for its model. */
  modelPath(args: Arguments): string | undefined;
  /** @throws UserError where the backend has no such layout */
  setLayout(args: Arguments, layout: EngineLayout, dialect: DeploymentDialect): void;
  /** What makes it half of a disaggregated deployment goes; no KV reuse. */
  prefillOnly(args: Arguments, dialect: DeploymentDialect): void;
  /** What makes it half of a disaggregated deployment goes; KV reuse, so that a warm-up spares prefill. */
  decodeOnly(args: Arguments, dialect: DeploymentDialect, isMoe: boolean): void;
  limitPrefill(args: Arguments, limits: PrefillLimits, dialect: DeploymentDialect): void;
}

export function engineFlags(backend: Backend): EngineFlags {
  return { vllm, sglang, trtllm }[backend];
}
