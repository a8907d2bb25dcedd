import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { makeFolder, writeFileAtomically } from "#common";

const root = mkdtempSync(join(tmpdir(), "understudy-folder-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe("a folder that is needed", () => {
  it("is made with those above it, and left alone where it is there", () => {
    const path = join(root, "a", "b", "c");
    makeFolder(path);
    writeFileSync(join(path, "kept"), "");
    makeFolder(path);
    expect(statSync(path).isDirectory()).toBe(true);
    expect(existsSync(join(path, "kept"))).toBe(true);
  });

  it("is made by the file that goes into it", () => {
    const path = join(root, "d", "e", "file");
    writeFileAtomically(path, "whole");
    expect(readFileSync(path, "utf8")).toBe("whole");
  });

  it("is refused where a file has its name, or is a part of its path", () => {
    writeFileSync(join(root, "file"), "");
    expect(() => makeFolder(join(root, "file"))).toThrow(expect.objectContaining({ code: "EEXIST" }));
    expect(() => makeFolder(join(root, "file", "below"))).toThrow(expect.objectContaining({ code: "ENOTDIR" }));
  });

  it.runIf(existsSync("/proc/self"))("is refused where the system has no room for any, and not tried for ever", () => {
    expect(() => makeFolder("/proc/no/such/place")).toThrow(expect.objectContaining({ code: "ENOENT" }));
  });
});
