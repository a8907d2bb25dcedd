import module from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

// Compiled (and type-stripped) modules are kept from run to run: a start takes a third of the time. By the environment threads and
// child processes keep them, too; the folder is Node's own default.
process.env.NODE_COMPILE_CACHE ??= join(tmpdir(), "node-compile-cache");
module.enableCompileCache?.();
const { runCli } = await import("./run-cli.ts");
await runCli(process.argv.slice(2));
