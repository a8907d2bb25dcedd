import { type Command, Option } from "commander";
import { PROFILE_FLAGS, type ProfileFlag } from "./profile-flags.ts";

/** What `readProfilingRequest` reads: documents by file or text, and flags over them. */
export interface ProfilingInput {
  /** A file, inline JSON, or `-`; any kind of document. */
  config?: string;
  /** Profiling config as a text in any notation, or a file. */
  profileConfig?: string;
  /** File of the DGD to start from. */
  baseDgd?: string;
  /** File of the ConfigMap that a request refers to. */
  configMap?: string;
  dialect?: string;
  /** File with `kubectl get nodes -o json`, or `-`. */
  nodes?: string;
  /** File with metrics of DCGM exporters, or `-`. */
  dcgmMetrics?: string;
  /** GPU discovery is refused, as by an operator that sees one namespace. */
  namespaceRestricted?: boolean;
  /** As written, in the order of the flag table; they overrule documents. */
  flags: GivenFlag[];
  /** For `PROFILER_WEBUI_PORT`. */
  environment?: Readonly<Record<string, string | undefined>>;
}

export interface GivenFlag {
  /** With dashes, in the spelling that was used: for errors. */
  flag: string;
  /** The flag's name in the table. */
  name: string;
  value: string | true;
}

/** Adds every flag of `understudy profile` that says what to profile; output, progress and the like are the command's own. */
export function addProfileOptions(command: Command): Command {
  let group = "";
  for (const flag of PROFILE_FLAGS) {
    if (flag.group !== group) command.optionsGroup(`${flag.group}:`);
    group = flag.group;
    command.addOption(new Option(optionText(flag.name, flag), flag.help));
    for (const alias of flag.aliases ?? [])
      command.addOption(new Option(optionText(alias, flag), flag.help).hideHelp());
  }
  return command;
}

function optionText(name: string, flag: ProfileFlag): string {
  return flag.value === undefined ? `--${name}` : `--${name} ${flag.value}`;
}

/** The input from what commander parsed (`command.opts()`). Values are checked later, all at once, by `readProfilingRequest`. */
export function profileInputFrom(
  options: Readonly<Record<string, unknown>>,
  environment: ProfilingInput["environment"] = process.env,
): ProfilingInput {
  const input: ProfilingInput = { flags: [], environment };
  for (const flag of PROFILE_FLAGS) {
    for (const spelling of [flag.name, ...(flag.aliases ?? [])]) {
      const value = options[attribute(spelling)];
      if (typeof value === "string" || value === true) {
        input.flags.push({ flag: `--${spelling}`, name: flag.name, value });
      }
    }
  }
  const text = (name: string) => input.flags.find((flag) => flag.name === name)?.value as string | undefined;
  for (const [key, name] of FILES) {
    const value = text(name);
    if (value !== undefined) input[key] = value;
  }
  if (text("namespace-restricted") !== undefined) input.namespaceRestricted = true;
  return input;
}

const FILES = [
  ["config", "config"],
  ["profileConfig", "profile-config"],
  ["baseDgd", "base-dgd"],
  ["configMap", "config-map"],
  ["dialect", "dialect"],
  ["nodes", "nodes"],
  ["dcgmMetrics", "dcgm-metrics"],
] as const;

/** Commander's name of a flag: `maxNumGpus` for `--max-num-gpus`. */
function attribute(name: string): string {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}
