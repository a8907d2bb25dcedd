import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomically } from "#common";
import type { ShardSide } from "../types.ts";

/** Names of what is exchanged in a folder. */
export const START_FILE = "start";
export const readyFile = (index: number) => `ready-${index}`;
export const resultFile = (index: number) => `result-${index}`;
const LOOK_MS = 20;

/** A shard that speaks to its executor by files: a word that it is ready, when to begin, the result. */
export function folderShardSide(folder: string, index: number): ShardSide {
  return {
    async begin() {
      writeFileAtomically(join(folder, readyFile(index)), "");
      const start = join(folder, START_FILE);
      while (!existsSync(start)) await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      return Number(readFileSync(start, "utf8"));
    },
    async finish(result) {
      writeFileAtomically(join(folder, resultFile(index)), result);
    },
  };
}
