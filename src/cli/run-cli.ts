import { type Command, CommanderError } from "commander";
import { formatUserError, UserError } from "#common";
import { COMMAND_TABLE, type CommandTable } from "./command-table.ts";
import { fileError, usageError } from "./errors.ts";
import { withoutForeignCommand } from "./profile/foreign-command.ts";
import { buildProgram } from "./program.ts";

/** What a shell reports for a process that SIGPIPE ended, which is how other tools end when their reader goes away. */
const EXIT_BROKEN_PIPE = 141;

/**
 * Runs the command line and sets the process's exit code; every error ends here, as a message on stderr. SIGINT and SIGTERM keep
 * their default action (the shell sees 130 and 143): a handler would leave a computation of many seconds deaf to Ctrl-C.
 */
export async function runCli(args: readonly string[], table: CommandTable = COMMAND_TABLE): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) stream.on("error", onStreamError);
  const debug = wantsDebug(args);
  process.on("uncaughtException", (error) => {
    process.exit(reportError(error, debug));
  });
  try {
    const own = await withoutForeignCommand(args);
    const program = buildProgram(await loadCommands(own, table));
    await program.parseAsync(own, { from: "user" });
  } catch (error) {
    process.exitCode = reportError(error, debug);
  }
}

/** The named subcommand alone; all of them where none is named that exists (help, a typing mistake). */
async function loadCommands(args: readonly string[], table: CommandTable): Promise<Command[]> {
  const name = args.find((arg) => !arg.startsWith("-"));
  const wanted = name !== undefined && Object.hasOwn(table, name) ? [name] : Object.keys(table);
  return await Promise.all(wanted.map((key) => table[key]!()));
}

function wantsDebug(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return (end < 0 ? args : args.slice(0, end)).includes("--debug") || Boolean(process.env.UNDERSTUDY_DEBUG);
}

/** Writes the error to stderr; returns the exit code. */
function reportError(error: unknown, debug: boolean): number {
  if (error instanceof CommanderError && (error.exitCode === 0 || error.code === "commander.help")) {
    return error.exitCode === 0 ? 0 : 2;
  }
  const known =
    error instanceof CommanderError ? usageError(error) : error instanceof UserError ? error : fileError(error);
  if (known !== undefined) {
    process.stderr.write(`error: ${formatUserError(known)}\n`);
    if (debug) process.stderr.write(`${known.code}\n${stackOf(known.cause ?? known)}\n`);
    return known.exitCode;
  }
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`error: unexpected: ${message.split("\n")[0]}\n`);
  if (debug) process.stderr.write(`${stackOf(error)}\n`);
  else
    process.stderr.write(
      "  hint: this is a bug in understudy: please report it with the output of the same command and --debug\n",
    );
  return 1;
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function onStreamError(error: NodeJS.ErrnoException): void {
  if (error.code === "EPIPE") process.exit(EXIT_BROKEN_PIPE);
  throw error;
}
