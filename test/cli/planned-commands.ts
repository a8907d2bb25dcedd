import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { vi } from "vitest";
import { frontendCommand } from "../../src/cli/commands/frontend.ts";
import { mockerCommand } from "../../src/cli/commands/mocker.ts";
import { plannerCommand } from "../../src/cli/commands/planner.ts";
import { buildProgram } from "../../src/cli/program.ts";
import { rewritePaths } from "../../src/deployment/plan/rewrite-paths.ts";
import { forReplica } from "../../src/deployment/plan/variables.ts";
import type { Template } from "../deployment/plan/support.ts";

/** What the runner adds: workers to a frontend, its own address to a planner. */
const WORKERS = ["--worker", "http://127.0.0.1:9"];
const CONTROL = { UNDERSTUDY_CONTROL_URL: "http://127.0.0.1:9", UNDERSTUDY_CONTROL_TOKEN_FILE: "/none" };

/**
 * A template's command as the runner would start it, through our command line's own parsing: its files laid under `folder`, paths
 * rewritten, `--print-config` instead of a start. What it prints.
 */
export async function printedConfig(template: Template, folder: string): Promise<string> {
  for (const { mountPath, content } of template.files) {
    const file = join(folder, mountPath);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
  for (const { mountPath } of template.folders) mkdirSync(join(folder, mountPath), { recursive: true });
  const rewritten = rewritePaths(template, (mountPath) => join(folder, mountPath));
  const { argv, env } = forReplica({ ...rewritten }, { name: "a-0", uid: "u" });
  const more = template.kind === "frontend" ? WORKERS : [];
  let stdout = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    stdout += String(text);
    return true;
  });
  vi.spyOn(process.stderr, "write").mockImplementation(() => true);
  for (const [name, value] of Object.entries({ ...env, ...CONTROL })) vi.stubEnv(name, value);
  try {
    const program = buildProgram([mockerCommand(), frontendCommand(), plannerCommand()]);
    await program.parseAsync([...argv, ...more, "--print-config"], { from: "user" });
    return stdout;
  } finally {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
  }
}
