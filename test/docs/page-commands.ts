import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { referencePath } from "../reference.ts";
import { projectFiles, projectFolder } from "../structure/project-files.ts";
import { documents, type ShellBlock, shellBlocks } from "./markdown.ts";

const BLOCK_TIMEOUT_MS = 90_000;
/**
 * Marks of a block that is only parsed: it needs a cluster, it takes long, or other checks run it (fresh-machine: CI and
 * the newcomer's check; checkout: a developer's commands, which are CI's own steps).
 */
const PARSED_ONLY = new Set(["needs-cluster", "long", "fresh-machine", "checkout"]);

/** Runs the checkout's own command, as npx does. */
const QUICK_NPX = `#!/bin/sh
[ "$1" = understudy ] || { echo "npx $1 is not understudy" >&2; exit 127; }
shift
exec node bin/understudy.mjs "$@"
`;

/** The block reads reference data beside the project: it runs where that is there, which in CI it must be. */
const NEEDS_REFERENCE = "needs-reference";
const hasReference = existsSync(referencePath()) || Boolean(process.env.CI);

const blocks = documents().flatMap(shellBlocks);

/** A page whose commands may listen at ports that the page names: two of these don't run at a time. */
const LISTENS = /&\s*$|\bup\b|--port|127\.0\.0\.1|localhost|understudy (mocker|frontend|planner|webui|global-planner)/m;

/** Pages with commands that run, by whether they need ports for themselves. */
export function pages(): { listening: string[]; others: string[] } {
  const all = [...new Set(blocks.map((block) => block.file))];
  const listens = (file: string) => blocks.some((block) => block.file === file && LISTENS.test(block.script));
  return { listening: all.filter(listens), others: all.filter((file) => !listens(file)) };
}

/** Runs what a page shows, in a folder of its own. */
export function testCommands(file: string): void {
  let top: string;
  let folder: string;
  let quickNpx: string;

  // A folder that looks like a checkout, so that the commands work as written while what they write lands elsewhere.
  beforeAll(() => {
    top = mkdtempSync(join(tmpdir(), "understudy-docs-"));
    folder = join(top, "checkout");
    mkdirSync(folder);
    mkdirSync(join(top, "shared"));
    symlinkSync(referencePath(), join(top, "shared", "reference"));
    const entries = new Set(projectFiles().map((path) => path.split("/")[0]!));
    for (const entry of [...entries, "node_modules"]) symlinkSync(join(projectFolder, entry), join(folder, entry));
    quickNpx = join(top, "bin");
    mkdirSync(quickNpx);
    writeFileSync(join(quickNpx, "npx"), QUICK_NPX, { mode: 0o755 });
  });

  afterAll(() => rmSync(top, { recursive: true, force: true }));

  /** Servers that a block starts with `&` end with it. */
  async function bash(block: ShellBlock, ...options: string[]): Promise<{ status: number | null; output: string }> {
    const bin = join(projectFolder, "node_modules", ".bin");
    // README.md's commands go through npx itself, which adds half a second to each.
    const quick = block.file === "README.md" ? [] : [quickNpx];
    const env = { ...process.env, PATH: [...quick, bin, process.env.PATH].join(delimiter), NO_COLOR: "1" };
    const output = join(top, `output-${block.line}`);
    const file = openSync(output, "w");
    const shell = spawn("bash", [...options, "-euo", "pipefail", "-c", block.script], {
      cwd: folder,
      env,
      detached: true,
      stdio: ["ignore", file, file],
    });
    const killGroup = () => {
      try {
        process.kill(-shell.pid!, "SIGKILL");
      } catch {
        // All have ended already.
      }
    };
    const timeout = setTimeout(killGroup, BLOCK_TIMEOUT_MS);
    const [status] = (await once(shell, "exit")) as [number | null];
    clearTimeout(timeout);
    killGroup();
    closeSync(file);
    return { status, output: readFileSync(output, "utf8") };
  }

  const own = blocks.filter((block) => block.file === file);
  for (const block of own) {
    const place = `${file}:${block.line}`;
    const title = block.script.trim().split("\n")[0]!;
    if (block.marks.some((mark) => PARSED_ONLY.has(mark))) {
      it(`${place} parses: ${title}`, async () => {
        expect(await bash(block, "-n")).toMatchObject({ status: 0 });
      });
    } else {
      const runnable = hasReference || !block.marks.includes(NEEDS_REFERENCE);
      it.runIf(runnable)(`${place} runs: ${title}`, { timeout: BLOCK_TIMEOUT_MS + 10_000 }, async () => {
        const { status, output } = await bash(block);
        expect(status, output.slice(-3000)).toBe(0);
        for (const line of block.printed) expect(output).toMatch(asPattern(line));
      });
    }
    it(`${place} has only marks that are known`, () => {
      expect(block.marks.filter((mark) => mark !== NEEDS_REFERENCE && !PARSED_ONLY.has(mark))).toEqual([]);
    });
  }
}

/** A line as a page shows it: `…` stands for anything within a line. */
function asPattern(line: string): RegExp {
  const parts = line.trim().split("…");
  return new RegExp(parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join(".*"));
}
