import { describe, expect, it } from "vitest";
import { pages, testCommands } from "./page-commands.ts";

it("finds documents with commands that need no ports", () => {
  expect(pages().others.length).toBeGreaterThan(5);
});

describe.each(pages().others)("commands in %s", testCommands);
