import { didYouMean, UserError } from "#common";
import type { YamlErrors } from "#common/documents";

/** What keeps a manifest from being run here. Places are JSON paths until the file is known. */

const MOCKER_HINT = "let `understudy profile CONFIG --mocker` write the same deployment with mockers for its engines";

export const MANIFEST_YAML: YamlErrors = {
  invalid: (where, reason) =>
    new UserError({ code: "DEPLOYMENT_INVALID_YAML", where, message: `not valid YAML: ${reason}` }),
  tooLarge: (file, found, expected) =>
    new UserError({
      code: "DEPLOYMENT_FILE_TOO_LARGE",
      where: file,
      message: `found ${found}, expected ${expected}`,
    }),
};

export const notAnObject = (where: string): UserError =>
  new UserError({
    code: "DEPLOYMENT_NOT_AN_OBJECT",
    where,
    message: "found no Kubernetes object, expected a map with apiVersion, kind and metadata",
  });

export const nothingToRun = (where: string, kinds: readonly string[]): UserError =>
  new UserError({
    code: "DEPLOYMENT_NOTHING_TO_RUN",
    where,
    message: `found ${kinds.length === 0 ? "no objects" : kinds.join(", ")}, expected a DynamoGraphDeployment`,
    ...(kinds.includes("DynamoGraphDeploymentRequest") && {
      hint: "profile the request first: `understudy profile FILE` writes its deployment",
    }),
  });

export const noName = (where: string): UserError =>
  new UserError({
    code: "DEPLOYMENT_NO_NAME",
    where,
    message: "found no name, expected the name of the DynamoGraphDeployment",
  });

export const deployedTwice = (where: string, namespace: string, name: string): UserError =>
  new UserError({
    code: "DEPLOYMENT_TWICE",
    where,
    message: `found a second DynamoGraphDeployment ${namespace}/${name}`,
    hint: "give one of them another name",
  });

/** @param isPlayable mockers could play it */
export const realEngine = (where: string, program: string, isPlayable: boolean): UserError =>
  new UserError({
    code: "DEPLOYMENT_REAL_ENGINE",
    where,
    message: `found ${program}, a real engine, which needs its image and GPUs: it can't be run here`,
    hint: isPlayable
      ? `--play-engines h200_sxm has a mocker play it with estimated times; or ${MOCKER_HINT}`
      : MOCKER_HINT,
  });

export const noCounterpart = (where: string, program: string): UserError =>
  new UserError({
    code: "DEPLOYMENT_NO_COUNTERPART",
    where,
    message: `found the command ${shown(program)}, which has no counterpart here`,
    hint: "dynamo.mocker, dynamo.frontend, dynamo.planner, dynamo.profiler (python3 -m …) and understudy can be run",
  });

export const noCommand = (where: string, name: string): UserError =>
  new UserError({
    code: "DEPLOYMENT_NO_COMMAND",
    where,
    message: `found no command in component "${name}": what its image would start is not known here`,
    hint: "set command and args, such as [python3, -m, dynamo.mocker] and its flags",
  });

export const scriptRefused = (where: string, reason: string): UserError =>
  new UserError({
    code: "DEPLOYMENT_SCRIPT",
    where,
    message: `the script can't be followed: ${reason}`,
    hint: "expected one command of Dynamo's or ours, with assignments, export, cd and the like before it",
  });

export const unknownFlag = (where: string, program: string, flag: string, known: Iterable<string>): UserError =>
  new UserError({
    code: "DEPLOYMENT_UNKNOWN_FLAG",
    where,
    message: `found ${shown(flag)}, which ${program} does not have`,
    ...hinted(didYouMean(flag.split("=")[0]!, known)),
  });

export const ambiguousFlag = (where: string, flag: string, candidates: readonly string[]): UserError =>
  new UserError({
    code: "DEPLOYMENT_AMBIGUOUS_FLAG",
    where,
    message: `found ${shown(flag)}, which could be ${candidates.join(", ")}`,
    hint: "write the flag in full",
  });

export const unexpectedWord = (where: string, program: string, word: string): UserError =>
  new UserError({
    code: "DEPLOYMENT_UNEXPECTED_ARGUMENT",
    where,
    message: `found ${shown(word)}, expected a flag: ${program} takes nothing else`,
  });

export const badFlagValue = (where: string, flag: string, found: string | undefined, expected: string): UserError =>
  new UserError({
    code: "DEPLOYMENT_BAD_FLAG",
    where,
    message: `found ${flag} ${found === undefined ? "without a value" : shown(found)}, expected ${expected}`,
  });

export const flagRefused = (where: string, flag: string, reason: string, hint: string): UserError =>
  new UserError({ code: "DEPLOYMENT_FLAG_REFUSED", where, message: `${flag}: ${reason}`, hint });

export const notMounted = (where: string, what: string, path: string): UserError =>
  new UserError({
    code: "DEPLOYMENT_NOT_MOUNTED",
    where,
    message: `${what} names ${shown(path)}, which no volume of the pod mounts`,
    hint: "mount a ConfigMap there, or name what exists on this machine",
  });

export const objectMissing = (where: string, kind: string, name: string, beside: readonly string[]): UserError =>
  new UserError({
    code: "DEPLOYMENT_OBJECT_MISSING",
    where,
    message: `found no ${kind} "${name}"`,
    hint: didYouMean(name, beside) ?? "put it beside the deployment, in the same YAML stream",
  });

export const keyMissing = (where: string, object: string, key: string, keys: readonly string[]): UserError =>
  new UserError({
    code: "DEPLOYMENT_KEY_MISSING",
    where,
    message: `found no key "${key}" in ${object}`,
    hint: didYouMean(key, keys) ?? (keys.length === 0 ? "it has none" : `it has ${keys.join(", ")}`),
  });

export const volumeMissing = (where: string, name: string, volumes: readonly string[]): UserError =>
  new UserError({
    code: "DEPLOYMENT_VOLUME_MISSING",
    where,
    message: `found no volume "${name}"`,
    hint:
      didYouMean(name, volumes) ?? (volumes.length === 0 ? "the pod has none" : `the pod has ${volumes.join(", ")}`),
  });

export const badPath = (where: string, path: string, expected: string): UserError =>
  new UserError({
    code: "DEPLOYMENT_BAD_PATH",
    where,
    message: `found ${shown(path)}, expected ${expected}`,
  });

export const modelMismatch = (where: string, models: ReadonlyMap<string, string>): UserError =>
  new UserError({
    code: "DEPLOYMENT_MODEL_MISMATCH",
    where,
    message: `found workers of different models: ${[...models].map(([name, model]) => `${name} serves ${shown(model)}`).join(", ")}`,
    hint: "a deployment serves one model: give all workers the same --model-name",
  });

export const roleTwice = (where: string, role: string, names: readonly string[]): UserError =>
  new UserError({
    code: "DEPLOYMENT_AMBIGUOUS_COMPONENT",
    where,
    message: `found several ${role} components, ${names.join(", ")}: the planner can't tell which one to scale`,
    hint: "keep one of them, or leave the planner out",
  });

function hinted(hint: string | undefined): { hint?: string } {
  return hint === undefined ? {} : { hint };
}

function shown(text: string): string {
  const flat = JSON.stringify(text);
  return flat.length > 80 ? `${flat.slice(0, 77)}…"` : flat;
}
