import { Command } from "commander";
import { convertCommand } from "./profiles/convert.ts";
import { diffCommand } from "./profiles/diff.ts";
import { inspectCommand } from "./profiles/inspect.ts";
import { listCommand } from "./profiles/list.ts";
import { plotCommand } from "./profiles/plot.ts";
import { validateCommand } from "./profiles/validate.ts";

/** `understudy profiles`: what engines can do, as files. */
export function profilesCommand(): Command {
  return new Command("profiles")
    .description("list, inspect, check, convert, compare and draw profiles of engines")
    .addHelpText(
      "after",
      `
A <profile> is a shipped name, a profiler's results folder, a folder with prefill_raw_data.json and
decode_raw_data.json, a mocker table (.npz), or a profile.json.`,
    )
    .addCommand(listCommand())
    .addCommand(inspectCommand())
    .addCommand(validateCommand())
    .addCommand(convertCommand())
    .addCommand(diffCommand())
    .addCommand(plotCommand());
}
