import { posix } from "node:path";
import { describe, expect, it } from "vitest";
import { projectFiles, readProjectFile } from "../structure/project-files.ts";
import { documents } from "./markdown.ts";

const files = new Set(projectFiles());
const folders = new Set([...files].map((path) => posix.dirname(path)));

/** Anchors of a document's headings, by GitHub's rule. */
function anchors(path: string): Set<string> {
  const headings = readProjectFile(path).match(/^#+ .*$/gm) ?? [];
  return new Set(
    headings.map((heading) =>
      heading
        .replace(/^#+ /, "")
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\- ]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}

describe.each(documents())("links in %s", (file) => {
  it("lead to files and headings that are there", () => {
    const text = readProjectFile(file).replace(/^```[\s\S]*?^```/gm, "");
    const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1]!);
    const broken = targets.filter((target) => {
      if (/^[a-z]+:/.test(target)) return false;
      const [path = "", anchor] = target.split("#");
      const resolved = path === "" ? file : posix.normalize(posix.join(posix.dirname(file), path));
      if (!files.has(resolved) && !folders.has(resolved.replace(/\/$/, ""))) return true;
      return anchor !== undefined && !anchors(resolved).has(anchor);
    });
    expect(broken).toEqual([]);
  });
});

describe("docs/README.md", () => {
  it("names every page", () => {
    const index = readProjectFile("docs/README.md");
    const pages = [...files].filter((path) => /^docs\/.*\.md$/.test(path) && path !== "docs/README.md");
    expect(pages.filter((page) => !index.includes(`(${posix.relative("docs", page)})`))).toEqual([]);
  });
});
