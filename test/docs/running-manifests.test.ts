import { describe, expect, it } from "vitest";
import { FRONTEND_FLAGS } from "../../src/deployment/plan/translate/frontend.ts";
import { MOCKER_FLAGS } from "../../src/deployment/plan/translate/mocker.ts";
import { readProjectFile } from "../structure/project-files.ts";

describe("docs/running-manifests.md", () => {
  const rows = readProjectFile("docs/running-manifests.md")
    .split("\n")
    .filter((line) => line.startsWith("| "))
    .map((line) => line.split(" | ").map((cell) => cell.replace(/^\| | \|$/g, "")));

  it.each([
    ["mocker", MOCKER_FLAGS],
    ["frontend", FRONTEND_FLAGS],
  ] as const)("says of every flag of Dynamo's %s what becomes of it", (_, table) => {
    for (const [name, { leave, refuse, to }] of table) {
      const fates = rows.filter(([flags]) => flags!.includes(`\`--${name}\``)).map(([, fate]) => fate!);
      const own = /^(http-port|http-host|engine-type)$/.test(name);
      const expected = refuse ? /^refused/ : leave !== undefined ? /^left aside/ : /^kept/;
      expect(
        fates.some((fate) => own || expected.test(fate)),
        `--${name}${to ? ` (${to})` : ""}: ${fates.join("; ")}`,
      ).toBe(true);
    }
  });
});
