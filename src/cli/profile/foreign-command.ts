/**
 * `understudy profile python -m benchmarks.profiler.profile_sla …` as ours: the command lines of Dynamo's documents may be given as they
 * stand. Any other command line is handed back.
 * @throws UserError where it is one of the documents' and wrong
 */
export async function withoutForeignCommand(args: readonly string[]): Promise<readonly string[]> {
  const [name, ...rest] = args;
  // What the words mean takes a room to load that no other command needs.
  if ((name !== "profile" && name !== "profile-endpoint") || !/(^|\/)python[\d.]*$/.test(rest[0] ?? "")) return args;
  const { translateCommandLine } = await import("#src/profiler");
  const translated = translateCommandLine(rest);
  return [translated.command, ...translated.args];
}
