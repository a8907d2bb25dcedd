import { styleText } from "node:util";

/** Where the text goes: colour or not, and how many columns there are. */
export interface TerminalOptions {
  colour: boolean;
  /** Columns. */
  width: number;
}

export type Style = "plain" | "bold" | "dim" | "good" | "warn" | "bad" | "prefill" | "decode" | "heading";

const FORMATS: Record<Style, Parameters<typeof styleText>[0]> = {
  plain: [],
  bold: "bold",
  dim: "dim",
  good: "green",
  warn: "yellow",
  bad: "red",
  prefill: "blueBright",
  decode: "yellow",
  heading: ["bold", "underline"],
};

/** Colours `text`, or leaves it alone where colour is off. */
export function ink(text: string, style: Style, options: TerminalOptions): string {
  return options.colour && style !== "plain" ? styleText(FORMATS[style], text, { validateStream: false }) : text;
}

/** What a stream can show: colour on a terminal that NO_COLOR does not forbid (or where FORCE_COLOR asks for it). */
export function terminalOptions(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv = process.env): TerminalOptions {
  const forced = env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== "0" && env.FORCE_COLOR !== "false";
  const forbidden = env.NO_COLOR !== undefined && env.NO_COLOR !== "";
  return {
    colour: forced || (!forbidden && stream.isTTY === true && env.TERM !== "dumb"),
    width: stream.isTTY ? Math.max(40, stream.columns || 80) : 120,
  };
}
