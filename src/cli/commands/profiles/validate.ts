import { styleText } from "node:util";
import { Command } from "commander";
import { loadProfile, validateProfile } from "#profiles";
import { findingCounts, findingText } from "./findings.ts";
import { type OriginFlags, withGpuOptions, withOrigin } from "./options.ts";

interface ValidateFlags extends OriginFlags {
  strict?: true;
  json?: true;
}

/** `understudy profiles validate` */
export function validateCommand(): Command {
  return withGpuOptions(
    new Command("validate")
      .description("check profiles, and say of each finding what to do about it")
      .argument("<profile...>", "shipped names, folders or files")
      .option("--strict", "warnings make the exit code 1")
      .option("--json", "print one JSON document"),
  )
    .addHelpText(
      "after",
      `
Exit code 2 when a profile has errors (it cannot be used), 1 with --strict when one has warnings, else 0.

Examples:
  $ understudy profiles validate profiling_results/
  $ understudy profiles validate h100.json --prefill-gpus 4 --decode-gpus 4`,
    )
    .action((names: string[], flags: ValidateFlags) => {
      const results = names.map((name) => ({
        profile: name,
        findings: validateProfile(withOrigin(loadProfile(name, { allowUnsound: true }), flags)),
      }));
      if (flags.json) process.stdout.write(`${JSON.stringify(results, null, 2)}\n`);
      else {
        for (const { profile, findings } of results) {
          const sound = styleText("green", "nothing to object to");
          process.stdout.write(`${styleText("bold", profile)}: ${findingCounts(findings) || sound}\n`);
          for (const finding of findings) process.stdout.write(findingText(finding));
        }
      }
      const severities = new Set(results.flatMap(({ findings }) => findings.map(({ severity }) => severity)));
      if (severities.has("error")) process.exitCode = 2;
      else if (flags.strict && severities.has("warning")) process.exitCode = 1;
    });
}
