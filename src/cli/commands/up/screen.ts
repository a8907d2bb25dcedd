import type { LocalDeployment, LocalEvent } from "#planner/connectors";
import { eventLine, statusText } from "./status-text.ts";
import { labelOf } from "./target.ts";

/** Between two drawings, ms. */
const REDRAW_MS = 200;
const EVENTS_SHOWN = 8;

/** What `up` shows while it runs. */
export interface Screen {
  change(deployment: LocalDeployment, event: LocalEvent | undefined): void;
  say(text: string): void;
  end(): void;
}

/** A line of JSON for each event and each change of the verdict. */
export function jsonScreen(stream: NodeJS.WritableStream = process.stdout): Screen {
  const verdicts = new Verdicts();
  const write = (value: object) => stream.write(`${JSON.stringify(value)}\n`);
  return {
    change(deployment, event) {
      if (event !== undefined) write({ deployment: labelOf(deployment), event });
      if (verdicts.isNew(deployment)) write({ deployment: labelOf(deployment), status: deployment });
    },
    say: (text) => void process.stderr.write(`${text}\n`),
    end: () => {},
  };
}

/** The same as lines for people, where nothing can be drawn. */
export function lineScreen(stream: NodeJS.WritableStream = process.stderr): Screen {
  const verdicts = new Verdicts();
  return {
    change(deployment, event) {
      if (event !== undefined) stream.write(`${eventLine(event)}\n`);
      if (!verdicts.isNew(deployment)) return;
      const { ready, message, frontendUrl } = deployment;
      const where = ready && frontendUrl !== null ? `: ${frontendUrl}/v1` : "";
      stream.write(`${labelOf(deployment)}: ${ready ? "ready" : message}${where}\n`);
    },
    say: (text) => void stream.write(`${text}\n`),
    end: () => {},
  };
}

/** A table that is drawn anew in place, with the latest events below. */
export function tableScreen(stream: NodeJS.WriteStream = process.stderr): Screen {
  const deployments = new Map<string, LocalDeployment>();
  const events: string[] = [];
  let drawn = 0;
  const draw = () => {
    const tables = [...deployments.values()].map((deployment) => statusText(deployment, Date.now()));
    const lines = [...tables.join("\n").split("\n"), ...events, "Ctrl-C ends the deployment"]
      .slice(0, (stream.rows ?? 50) - 1)
      .map((line) => cut(line, stream.columns ?? 120));
    stream.write(`${drawn > 0 ? `\x1b[${drawn}A` : ""}\x1b[J${lines.join("\n")}\n`);
    drawn = lines.length;
  };
  // Ages grow without a change, too.
  const timer = setInterval(draw, REDRAW_MS);
  return {
    change(deployment, event) {
      deployments.set(labelOf(deployment), deployment);
      if (event !== undefined) events.push(eventLine(event));
      if (events.length > EVENTS_SHOWN) events.shift();
    },
    say(text) {
      events.push(text);
      if (events.length > EVENTS_SHOWN) events.shift();
    },
    end() {
      clearInterval(timer);
      draw();
    },
  };
}

class Verdicts {
  readonly #last = new Map<string, string>();

  isNew(deployment: LocalDeployment): boolean {
    const verdict = `${deployment.ready} ${deployment.message}`;
    const isNew = this.#last.get(labelOf(deployment)) !== verdict;
    this.#last.set(labelOf(deployment), verdict);
    return isNew;
  }
}

/** Cut to the terminal's width; colours don't count. */
function cut(line: string, columns: number): string {
  let width = 0;
  let out = "";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is looked for
  for (const part of line.split(/(\x1b\[[0-9;]*m)/)) {
    if (part.startsWith("\x1b")) out += part;
    else {
      out += part.slice(0, Math.max(0, columns - width));
      width += part.length;
    }
  }
  return out;
}
