import { type Command, Option } from "commander";
import type { Profile, SurfaceFamily } from "#profiles";
import { wholeNumber } from "../../values.ts";

/** What a user knows of a profile's origin and its file does not say. */
export interface OriginFlags {
  model?: string;
  gpu?: string;
  backend?: string;
  prefillGpus?: number;
  decodeGpus?: number;
}

export interface SurfaceFlag {
  surface: SurfaceFamily;
}

export function withSurfaceOption(command: Command): Command {
  return command.addOption(
    new Option("--surface <family>", "robust is monotone and positive; compat computes as the reference planner does")
      .choices(["robust", "compat"])
      .default("robust"),
  );
}

export function withGpuOptions(command: Command): Command {
  return command
    .option(
      "--prefill-gpus <n>",
      "GPUs of one prefill engine, where the file does not say",
      wholeNumber("--prefill-gpus", 1),
    )
    .option(
      "--decode-gpus <n>",
      "GPUs of one decode engine, where the file does not say",
      wholeNumber("--decode-gpus", 1),
    );
}

export function withOriginOptions(command: Command): Command {
  return withGpuOptions(command)
    .option("--model <name>", "model, for the provenance")
    .option("--gpu <name>", "GPU, for the provenance")
    .option("--backend <name>", "inference engine, for the provenance");
}

/** The profile with what the flags say of its origin. */
export function withOrigin(profile: Profile, flags: OriginFlags): Profile {
  const { model, gpu, backend, prefillGpus, decodeGpus } = flags;
  return {
    ...profile,
    provenance: {
      ...profile.provenance,
      ...(model === undefined ? {} : { model }),
      ...(gpu === undefined ? {} : { gpu }),
      ...(backend === undefined ? {} : { backend }),
      ...(prefillGpus === undefined ? {} : { gpusPerPrefillEngine: prefillGpus }),
      ...(decodeGpus === undefined ? {} : { gpusPerDecodeEngine: decodeGpus }),
    },
  };
}
