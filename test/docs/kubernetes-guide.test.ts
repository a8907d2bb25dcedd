import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runUnderstudy } from "../cli/run-understudy.ts";
import { readProjectFile } from "../structure/project-files.ts";
import { documents, shellBlocks } from "./markdown.ts";

/** Command lines of `understudy manifests` in blocks that only a cluster could run, without what they are piped into. */
const commands = documents()
  .flatMap(shellBlocks)
  .filter(({ marks }) => marks.includes("needs-cluster"))
  .flatMap(({ file, script }) =>
    script
      .replace(/\\\n\s*/g, " ")
      .split("\n")
      .flatMap((line) => {
        const found = /^npx understudy (manifests [^|>]*)/.exec(line);
        return found === null ? [] : [{ file, command: found[1]!.trim() }];
      }),
  );

describe("the guide to Kubernetes", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "understudy-guide-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("has commands that print manifests", () => {
    expect(commands.filter(({ file }) => file === "docs/kubernetes.md").length).toBeGreaterThan(4);
  });

  it.each(commands)("$file: $command", ({ command }) => {
    const words = command.split(/\s+/).map((word) => (word === '"$NAMESPACE"' ? "llm" : word));
    const { status, stdout, stderr } = runUnderstudy(folder, ...words);
    expect([status, stderr.replace(/^wrote .*\n/gm, "")]).toEqual([0, ""]);
    if (!words.includes("--output-dir")) expect(stdout).toMatch(/^(# To be|apiVersion:|\{)/);
  });

  it("names ports and sizes that the image has", () => {
    const guide = readProjectFile("docs/kubernetes.md");
    const [exposed] = /^EXPOSE .*$/m.exec(readProjectFile("Dockerfile"))!;
    for (const port of ["8000", "8001", "9090", "9086", "8080"]) {
      expect(guide).toContain(port);
      expect(exposed).toContain(port);
    }
  });
});
