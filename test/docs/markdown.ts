import { projectFiles, readProjectFile } from "../structure/project-files.ts";

export interface ShellBlock {
  file: string;
  /** 1-based line of the opening fence. */
  line: number;
  /** Words after `sh` on the fence: `fresh-machine`, `needs-cluster`, `long`. */
  marks: string[];
  script: string;
  /** Lines of the fence `text printed` behind it: what the script must print, `…` for anything. */
  printed: string[];
}

/** The documents that a user reads. */
export function documents(): string[] {
  return projectFiles().filter((path) => /^(README|CONTRIBUTING)\.md$|^docs\/.*\.md$/.test(path));
}

/** Code fences of a document that open with `sh`. */
export function shellBlocks(file: string): ShellBlock[] {
  const blocks: ShellBlock[] = [];
  let open: ShellBlock | null = null;
  let inOther = false;
  let printed: string[] | null = null;
  readProjectFile(file)
    .split("\n")
    .forEach((text, i) => {
      const fence = /^```(.*)$/.exec(text);
      if (fence === null) {
        if (open !== null) open.script += `${text}\n`;
        else printed?.push(text);
      } else if (open !== null) {
        blocks.push(open);
        open = null;
      } else if (inOther) {
        inOther = false;
        printed = null;
      } else {
        const [language, ...marks] = fence[1]!.trim().split(/\s+/);
        if (language === "sh") open = { file, line: i + 1, marks, script: "", printed: [] };
        else {
          inOther = true;
          printed = language === "text" && marks.includes("printed") ? (blocks.at(-1)?.printed ?? null) : null;
        }
      }
    });
  return blocks;
}
