import { describe, expect, it } from "vitest";
import { pages, testCommands } from "./page-commands.ts";

it("finds documents with commands", () => {
  expect(pages().listening).toContain("README.md");
});

describe.each(pages().listening)("commands in %s", testCommands);
