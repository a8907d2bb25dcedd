import { Command } from "commander";
import { fitCommand } from "./trace/fit.ts";
import { generateCommand } from "./trace/generate.ts";
import { statsCommand } from "./trace/stats.ts";

/** `understudy trace`: makes traces, looks into them and fits scenarios to them. */
export function traceCommand(): Command {
  return new Command("trace")
    .description("make traces, look into them, and fit scenarios to them")
    .addCommand(generateCommand())
    .addCommand(statsCommand())
    .addCommand(fitCommand());
}
