import { workerOf } from "./mocker.ts";
import { mountedProfile } from "./paths.ts";
import { translatePlanner } from "./planner.ts";
import { PLAIN, type Source, type Translation } from "./translation.ts";

/** Flags that say where a process listens, whom it meets, and how fast its clock goes: the runner's to say. */
const OF_THE_RUNNER: Readonly<Record<string, ReadonlySet<string>>> = {
  mocker: new Set(["host", "advertise-host", "port", "register-dir", "time-scale"]),
  frontend: new Set([
    ...["host", "port", "time-scale", "worker", "discovery", "discovery-dir"],
    ...["kube-selector", "kube-namespace", "kube-resource", "kube-port", "kubeconfig"],
  ]),
};
/** Of one value or more. */
const VARIADIC = new Set(["worker"]);
const PLANNER_SUBCOMMANDS = new Set(["dry-run", "compare", "store"]);

/** A command of ours, as our own manifests have it. Its flags are left to its own command line to check. */
export function translateOwn(source: Source): Translation {
  const { program, scope } = source;
  const [command = "", ...words] = program.args;
  switch (command) {
    case "mocker": {
      const { argv } = withoutRunners(command, words);
      const full = withProfile(argv, source);
      return { ...workerOf(full), argv: ["mocker", ...full] };
    }
    case "frontend": {
      const { argv, dropped } = withoutRunners(command, words);
      if (dropped.has("worker")) scope.note("--worker left aside: the deployment's own workers are routed to");
      const port = Number(dropped.get("port"));
      const isPort = Number.isInteger(port) && port > 0;
      return { ...PLAIN, kind: "frontend", argv: ["frontend", ...argv], port: isPort ? port : null };
    }
    case "planner":
      if (PLANNER_SUBCOMMANDS.has(words[0] ?? "")) break;
      return translatePlanner(source, words);
    case "profile":
      return { ...PLAIN, kind: "profiler", argv: [command, ...words] };
  }
  return { ...PLAIN, kind: "command", argv: [command, ...words] };
}

/** What a profiler's command line is: ours takes Dynamo's as it stands, Python included. */
export function translateProfiler({ program }: Source): Translation {
  return { ...PLAIN, kind: "profiler", argv: ["profile", "python3", "-m", program.name, ...program.args] };
}

function withoutRunners(command: string, words: readonly string[]): { argv: string[]; dropped: Map<string, string> } {
  const names = OF_THE_RUNNER[command]!;
  const argv: string[] = [];
  const dropped = new Map<string, string>();
  for (let at = 0; at < words.length; at++) {
    const [, name = "", inline] = /^--([^=]+)(?:=([\s\S]*))?$/.exec(words[at]!) ?? [];
    if (!names.has(name)) {
      argv.push(words[at]!);
      continue;
    }
    dropped.set(name, inline ?? words[at + 1] ?? "");
    if (inline === undefined) at++;
    while (VARIADIC.has(name) && at + 1 < words.length && !words[at + 1]!.startsWith("--")) at++;
  }
  return { argv, dropped };
}

/** A profile that is one of the container's paths must be mounted. */
function withProfile(argv: readonly string[], source: Source): string[] {
  return argv.map((word, at) => {
    const inline = /^--(profile|planner-profile-data)=([\s\S]*)$/.exec(word);
    if (inline) return `--${inline[1]}=${mountedProfile(inline[2]!, `--${inline[1]}`, source)}`;
    const before = argv[at - 1];
    return before === "--profile" || before === "--planner-profile-data" ? mountedProfile(word, before, source) : word;
  });
}
