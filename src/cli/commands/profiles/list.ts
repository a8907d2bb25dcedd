import { Command } from "commander";
import { loadProfile, shippedProfiles } from "#profiles";
import { textTable } from "../../text-table.ts";

/** `understudy profiles list` */
export function listCommand(): Command {
  return new Command("list")
    .description("the profiles that come with Understudy")
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Example:
  $ understudy profiles list`,
    )
    .action((flags: { json?: true }) => {
      const profiles = shippedProfiles().map((name) => loadProfile(name));
      if (flags.json) {
        const rows = profiles.map(({ name, provenance }) => ({ name, ...provenance }));
        process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
        return;
      }
      process.stdout.write(
        textTable(
          ["name", "model", "GPU", "engine", "layout", "source"],
          profiles.map(({ name, provenance }) => [
            name,
            provenance.model ?? "–",
            provenance.gpu ?? "–",
            [provenance.backend, provenance.backendVersion].filter(Boolean).join(" ") || "–",
            provenance.parallelism ?? "–",
            provenance.source ?? "–",
          ]),
        ),
      );
    });
}
