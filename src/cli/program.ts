import { Command } from "commander";
import { packageVersion } from "./version.ts";

/** The `understudy` program over the given subcommands. Every usage error is thrown (CommanderError), none exits. */
export function buildProgram(subcommands: readonly Command[]): Command {
  const program = new Command("understudy")
    .description("Rehearses an LLM deployment and the planner that scales it, without GPUs.")
    .version(packageVersion(), "-V, --version", "print the version")
    .helpOption("-h, --help", "show help")
    .helpCommand("help [command]", "show help for a command")
    // Flags belong to the command before them: a subcommand may have one of the same name as its parent.
    .enablePositionalOptions()
    .addHelpText(
      "after",
      `
Exit codes: 0 all held, 1 a run or an assertion failed, 2 usage or bad input.
Environment: NO_COLOR (no colours), UNDERSTUDY_DEBUG=1 (as --debug).`,
    );
  for (const subcommand of subcommands) program.addCommand(subcommand);
  settle(program);
  return program;
}

/** Commander hands settings down only to subcommands that it made itself: these are set throughout the tree. */
function settle(command: Command): void {
  command
    .exitOverride()
    .allowExcessArguments(false)
    .showSuggestionAfterError(true)
    .configureOutput({ outputError: () => {} })
    .option("--debug", "show the stack trace of an unexpected error");
  for (const subcommand of command.commands) settle(subcommand);
}
