#!/usr/bin/env node
// Runs the built package where there is one, the TypeScript sources where there is none (a checkout).
import { existsSync } from "node:fs";

const built = new URL("../dist/src/cli/main.js", import.meta.url);
const source = new URL("../src/cli/main.ts", import.meta.url);
await import(existsSync(source) ? source.href : built.href);
