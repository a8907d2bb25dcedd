import { Command } from "commander";
import { generateCommand } from "./trace/generate.ts";
import { inspectCommand } from "./trace/inspect.ts";

/** `understudy trace`: makes Mooncake traces and looks into them. */
export function traceCommand(): Command {
  return new Command("trace")
    .description("make Mooncake traces (JSONL) and look into them")
    .addCommand(generateCommand())
    .addCommand(inspectCommand());
}
