/** One instruction of a Dockerfile, continued lines joined. */
export interface Instruction {
  name: string;
  text: string;
  /** 1-based, of its first line. */
  line: number;
}

/** Instructions in order; comments and empty lines are left out, within continued lines, too. */
export function parseDockerfile(text: string): Instruction[] {
  const instructions: Instruction[] = [];
  let open: Instruction | null = null;
  text.split("\n").forEach((whole, i) => {
    const line = whole.trim();
    if (line === "" || line.startsWith("#")) return;
    const isContinued = line.endsWith("\\");
    const part = isContinued ? line.slice(0, -1).trim() : line;
    if (open === null) {
      const at = part.search(/\s/);
      open = { name: part.slice(0, at).toUpperCase(), text: part.slice(at).trim(), line: i + 1 };
      instructions.push(open);
    } else {
      open.text = `${open.text} ${part}`.trim();
    }
    if (!isContinued) open = null;
  });
  return instructions;
}

/** Words of an instruction, as a shell has them: quotes hold one together and go. */
export function words(text: string): string[] {
  return (text.match(/(?:[^\s"]|"[^"]*")+/g) ?? []).map((word) => word.replaceAll('"', ""));
}
