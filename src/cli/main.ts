import module from "node:module";

// Compiled (and type-stripped) modules are kept from run to run: a start takes a third of the time. Node 20 has no such cache.
module.enableCompileCache?.();
const { runCli } = await import("./run-cli.ts");
await runCli(process.argv.slice(2));
