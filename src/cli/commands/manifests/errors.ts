import { didYouMean, UserError } from "#common";

/** Mistakes in the flags and files of `understudy manifests`. */

export const unknownManifest = (name: string, known: readonly string[]): UserError =>
  new UserError({
    code: "MANIFESTS_UNKNOWN",
    where: name,
    message: `there is no manifest of this name, expected one of ${known.join(", ")}`,
    hint: didYouMean(name, known) ?? "understudy manifests --list says what each is",
  });

export const wrongDialect = (name: string, dialect: string, known: readonly string[]): UserError =>
  new UserError({
    code: "MANIFESTS_DIALECT",
    where: "--dialect",
    message: `${name} is not of dialect ${dialect}, expected ${known.join(", ")}`,
  });

export const nothingNamed = (): UserError =>
  new UserError({
    code: "MANIFESTS_NOTHING",
    message: "expected the name of a manifest, --list, or --output-dir for a whole set",
    hint: "understudy manifests --list says what there is",
  });

export const unreadableRequest = (file: string, reason: string): UserError =>
  new UserError({
    code: "MANIFESTS_REQUEST",
    where: file,
    message: `the request can't be read: ${reason}`,
    hint: "expected a DynamoGraphDeploymentRequest as YAML or JSON",
  });

export const notInStream = (name: string): UserError =>
  new UserError({
    code: "MANIFESTS_NOT_YAML",
    where: name,
    message: "is no Kubernetes object, which a stream of several manifests is made of",
    hint: "print it alone, or write files with --output-dir",
  });
