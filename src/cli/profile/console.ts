import { styleText } from "node:util";
import { type ConsoleLine, type Dialect, minutesSeconds } from "#src/profiler";

/** Lines of a run for people: `mm:ss  text`; in 0.3 as the log has them, as its profiler printed them. */
export function consoleWriter(
  dialect: Dialect,
  stream: NodeJS.WriteStream = process.stderr,
): (line: ConsoleLine) => void {
  return ({ level, text, formatted, elapsedMs }) => {
    if (dialect === "0.3") stream.write(`${formatted}\n`);
    else stream.write(`${styleText("dim", minutesSeconds(elapsedMs), { stream })}  ${marked(level, text, stream)}\n`);
  };
}

function marked(level: ConsoleLine["level"], text: string, stream: NodeJS.WriteStream): string {
  if (level === "WARNING") return `${styleText("yellow", "warning:", { stream })} ${text}`;
  if (level === "ERROR") return `${styleText("red", "error:", { stream })} ${text}`;
  return /^Phase \d/.test(text) ? styleText("bold", text, { stream }) : text;
}
