import { expect, it } from "vitest";
import { deploymentMissing, forbidden, resourceMissing } from "../../planner/connectors/kubernetes/errors.ts";
import { clusterLacksDynamo, namespacePlayed } from "../../src/deployment/errors.ts";
import { deploymentDied } from "../../src/profiler/thorough/errors.ts";
import { endpointUnreachable, podStuck } from "../../src/profiler/thorough/kubernetes/errors.ts";
import { readProjectFile } from "../structure/project-files.ts";
import { shellBlocks } from "./markdown.ts";

const PAGE = "docs/troubleshooting.md";
const page = readProjectFile(PAGE);

/** What the page shows in the fence `text <mark>`. */
const shown = (mark: string) =>
  new RegExp(`^\`\`\`text ${mark}\\n([^\`]*(?:\`[^\`]+\`[^\`]*)*?)\\n\`\`\`$`, "m").exec(page)?.[1];

it("shows what is printed by commands that it has", () => {
  const held = shellBlocks(PAGE).filter(({ printed }) => printed.length > 0);
  expect(held.length).toBeGreaterThan(7);
  expect(held.filter(({ marks }) => marks.length > 0)).toEqual([]);
});

it("has the words for an engine without memory", () => {
  const log = "torch.OutOfMemoryError: CUDA out of memory.";
  expect(deploymentDied("decode", "exit code 1", log)).toContain(`(${shown("out-of-memory")})`);
});

it("has the words for a pod that can't pull its image", () => {
  expect(shown("pod-stuck")).toBe(podStuck("trial-1-decode-0", "ImagePullBackOff", "401 Unauthorized"));
});

it.each([
  ["a cluster without Dynamo", clusterLacksDynamo("s").message],
  ["a second runner", namespacePlayed("n", "…").message],
  ["a planner without Dynamo", resourceMissing("s").message],
  ["rights that are missing", forbidden("p", ["…"]).message],
  ["a deployment that is not there", deploymentMissing("p", ["…"], null).message],
  ["an endpoint out of reach", endpointUnreachable("u", "…", "n", "…").message],
])("has the words for %s", (_, words) => {
  expect(page).toContain(`| \`${words}\` |`);
});
