import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const project = fileURLToPath(new URL("..", import.meta.url));

/**
 * Test files by the tags that their titles begin with: `it("[R071] [R072] …")`.
 * @param tag what stands between brackets, such as `R\d{3}`
 */
export function testsByTag(tag: string): Map<string, string[]> {
  const args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "test"];
  const listed = execFileSync("git", args, { cwd: project, encoding: "utf8" }).split("\0");
  const titles = new RegExp(`["'\`]((?:\\[${tag}\\] ?)+)`, "g");
  const tags = new RegExp(`\\[(${tag})\\]`, "g");
  const found = new Map<string, string[]>();
  for (const path of listed.filter((name) => name.endsWith(".test.ts") && existsSync(join(project, name))).sort()) {
    const text = readFileSync(join(project, path), "utf8");
    for (const [, begin] of text.matchAll(titles)) {
      for (const [, id] of begin!.matchAll(tags)) {
        const paths = found.get(id!) ?? [];
        if (!paths.includes(path)) found.set(id!, [...paths, path]);
      }
    }
  }
  return found;
}
