import { join } from "node:path";
import { Command, Option } from "commander";
import { writeFileAtomically } from "#common";
import { buildSurface, loadProfile } from "#profiles";
import { profilePlots, svgToPng, THEMES } from "#src/report";
import { type SurfaceFlag, withSurfaceOption } from "./options.ts";

interface PlotFlags extends SurfaceFlag {
  outputDir?: string;
  format: "png" | "svg" | "both";
  theme: "light" | "dark";
}

/** `understudy profiles plot` */
export function plotCommand(): Command {
  return withSurfaceOption(
    new Command("plot")
      .description("draw TTFT, ITL and throughput: the measured points and the surfaces through them")
      .argument("<profile>", "a shipped name, a folder or a file")
      .option("-o, --output-dir <dir>", "where the pictures go (default: understudy-results/<name>)")
      .addOption(new Option("--format <format>", "kind of picture").choices(["png", "svg", "both"]).default("both"))
      .addOption(new Option("--theme <theme>", "colours").choices(["light", "dark"]).default("light")),
  )
    .addHelpText(
      "after",
      `
Prints the files that it wrote.

Examples:
  $ understudy profiles plot h200-llama-3.1-8b-fp8-tp1-estimate
  $ understudy profiles plot profiling_results/ --surface compat --format png -o plots/`,
    )
    .action((name: string, flags: PlotFlags) => {
      const profile = loadProfile(name);
      const folder = flags.outputDir ?? join("understudy-results", profile.name);
      const plots = profilePlots(profile, buildSurface(profile, flags.surface), { theme: THEMES[flags.theme] });
      for (const plot of plots) {
        const files: [string, string | Uint8Array][] = [];
        if (flags.format !== "png") files.push([`${plot.name}.svg`, plot.svg]);
        if (flags.format !== "svg") files.push([`${plot.name}.png`, svgToPng(plot.svg)]);
        for (const [file, data] of files) {
          const path = join(folder, file);
          writeFileAtomically(path, data);
          process.stdout.write(`${path}\n`);
        }
      }
    });
}
