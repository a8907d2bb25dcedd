/** A command line with subcommands that misbehave, for the tests of the error boundary. */
import { readFileSync, writeFileSync } from "node:fs";
import { Command } from "commander";
import { UserError } from "#common";
import { runCli } from "#src/cli";

const command = (name: string, action: () => void | Promise<void>) => async () => new Command(name).action(action);

await runCli(process.argv.slice(2), {
  echo: async () =>
    new Command("echo")
      .argument("<word>")
      .option("--upper-case", "in capitals")
      .action((word: string) => console.log(word)),
  broken: command("broken", () => {
    throw new TypeError("x is not a function\nsecond line");
  }),
  late: command("late", () => {
    setTimeout(() => {
      throw new TypeError("thrown in a timer");
    }, 1);
  }),
  refused: command("refused", () => {
    throw new UserError({
      code: "FIXTURE_REFUSED",
      message: "found 3, expected 4",
      where: "a.yaml:1:2",
      hint: "write 4",
    });
  }),
  failed: command("failed", async () => {
    throw new UserError({ code: "FIXTURE_FAILED", message: "the assertion does not hold", exitCode: 1 });
  }),
  full: command("full", () => writeFileSync("/dev/full", "x")),
  absent: command("absent", () => void readFileSync("no-such-file.yaml")),
  flood: command("flood", async () => {
    for (;;) {
      process.stdout.write(`${"line\n".repeat(1000)}`);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }),
  spin: command("spin", () => {
    process.stdout.write("spinning\n");
    for (;;);
  }),
});
