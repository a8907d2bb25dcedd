#!/usr/bin/env node
// Runs the TypeScript sources in a checkout, what the build made of them in an installed package.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { constants } from "node:os";
import { dirname, join } from "node:path";

const SOURCES_NEED = [22, 18]; // the first Node that strips types without a flag
const BUILD_NEEDS = [22, 19]; // what undici needs
const source = new URL("../src/cli/main.ts", import.meta.url);
const built = new URL("../dist/src/cli/main.js", import.meta.url);
const inCheckout = existsSync(source);
const needed = inCheckout ? SOURCES_NEED : BUILD_NEEDS;

if (isNewEnough(process.versions.node, needed)) {
  await import((inCheckout ? source : built).href);
} else {
  const other = nodeFromDependencies();
  if (other === undefined) {
    console.error(`error: understudy needs Node ${needed.join(".")} or newer, this is ${process.versions.node}`);
    console.error(inCheckout ? "  hint: npm install brings one" : "  hint: install a newer Node, https://nodejs.org");
    process.exitCode = 2;
  } else {
    runWith(other);
  }
}

function isNewEnough(version, [major, minor]) {
  const [ourMajor, ourMinor] = version.split(".").map(Number);
  return ourMajor > major || (ourMajor === major && ourMinor >= minor);
}

/** The binary of the npm package `node`, which a checkout has among its dependencies. */
function nodeFromDependencies() {
  try {
    const binary = join(dirname(createRequire(import.meta.url).resolve("node/package.json")), "bin", "node");
    return existsSync(binary) ? binary : undefined;
  } catch {
    return undefined;
  }
}

function runWith(node) {
  const child = spawn(node, process.argv.slice(1), { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => {
    process.exitCode = code ?? 128 + constants.signals[signal];
  });
}
