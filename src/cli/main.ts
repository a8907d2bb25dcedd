import module from "node:module";

// Compiled (and type-stripped) modules are kept from run to run: a start takes a third of the time.
module.enableCompileCache?.();
const { runCli } = await import("./run-cli.ts");
await runCli(process.argv.slice(2));
