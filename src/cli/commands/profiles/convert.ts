import { existsSync, statSync } from "node:fs";
import { Command, Option } from "commander";
import { UserError } from "#common";
import {
  correctGpuCount,
  loadProfile,
  type MockerFit,
  type Profile,
  profileToMockerTable,
  saveJsonPair,
  saveMockerTable,
  saveProfileJson,
  saveResultsFolder,
} from "#profiles";
import { wholeNumber } from "../../values.ts";
import { type OriginFlags, withOrigin, withOriginOptions } from "./options.ts";

const FORMATS = ["results", "json-pair", "mocker", "profile"] as const;
type Format = (typeof FORMATS)[number];

interface ConvertFlags extends OriginFlags {
  to?: Format;
  name?: string;
  fit: MockerFit;
  resolution: number;
  fixThroughput?: true;
}

/** `understudy profiles convert` */
export function convertCommand(): Command {
  return withOriginOptions(
    new Command("convert")
      .description("write a profile in another format")
      .argument("<profile>", "a shipped name, a folder or a file")
      .argument("<target>", "the file or folder to write")
      .addOption(
        new Option("--to <format>", "default: .json a profile, .npz a mocker table, else a results folder").choices(
          FORMATS,
        ),
      )
      .addOption(
        new Option("--fit <fit>", "whose times fill a mocker table; regression is what Dynamo's converter fits")
          .choices(["robust", "compat", "regression"])
          .default("robust"),
      )
      .option("--resolution <n>", "points on each axis of a mocker table", wholeNumber("--resolution", 2), 100)
      .option("--name <name>", "the profile's name, in a profile.json")
      .option("--fix-throughput", "divide throughput by the GPUs that an engine has, whatever it was divided by"),
  )
    .addHelpText(
      "after",
      `
Formats:
  results    selected_prefill_interpolation/raw_data.npz and selected_decode_interpolation/raw_data.npz
  json-pair  prefill_raw_data.json and decode_raw_data.json
  mocker     one .npz with a table of TTFT and ITL
  profile    one .json with samples and provenance

Examples:
  $ understudy profiles convert profiling_results/ my-profile.json --model meta-llama/Llama-3.1-8B --gpu h200
  $ understudy profiles convert h200-llama-3.1-8b-fp8-tp1-estimate results/
  $ understudy profiles convert profiling_results/ perf_data.npz --fit regression`,
    )
    .action((source: string, target: string, flags: ConvertFlags) => {
      const loaded = withOrigin(loadProfile(source), flags);
      const profile = flags.fixThroughput ? correctGpuCount(loaded) : loaded;
      const format = flags.to ?? formatOf(target);
      const isFolder = format === "results" || format === "json-pair";
      if (existsSync(target) && statSync(target).isDirectory() !== isFolder) throw wrongKind(target, format, isFolder);
      const files = write(format, flags.name === undefined ? profile : { ...profile, name: flags.name }, target, flags);
      for (const file of files) process.stdout.write(`${file}\n`);
      if (format !== "profile" && Object.keys(profile.provenance).length > 0) {
        process.stderr.write(
          "note: this format has no place for the provenance (model, GPU, engine); profile.json has\n",
        );
      }
    });
}

function write(format: Format, profile: Profile, target: string, flags: ConvertFlags): string[] {
  switch (format) {
    case "results":
      return saveResultsFolder(profile, target);
    case "json-pair":
      return saveJsonPair(profile, target);
    case "mocker":
      return saveMockerTable(profileToMockerTable(profile, flags.resolution, flags.fit), target);
    case "profile":
      return saveProfileJson(profile, target);
  }
}

function formatOf(target: string): Format {
  if (target.endsWith(".json")) return "profile";
  return target.endsWith(".npz") ? "mocker" : "results";
}

function wrongKind(target: string, format: Format, isFolder: boolean): UserError {
  return new UserError({
    code: "CLI_PROFILES_TARGET",
    where: target,
    message: `found a ${isFolder ? "file" : "folder"}, expected a ${isFolder ? "folder" : "file"} to write the format ${format}`,
    hint: isFolder ? "name a folder" : `name a file in it: ${target.replace(/\/$/, "")}/profile.json`,
  });
}
