import { UserError } from "#common";
import { type Path, parsePath, readYamlDocuments } from "#common/documents";
import { isObject } from "../graph/json.ts";
import { MANIFEST_YAML } from "./errors.ts";

/** One object of a YAML stream, with where it came from. */
export interface ManifestDocument {
  value: unknown;
  file: string;
  /** Line at which it begins. */
  line?: number;
  /** `file:line:column (path)` of what lies in it, where that is known. */
  locate?: (path: Path) => string;
}

/**
 * The objects of a stream of YAML documents, or of JSON; those of a `List` one by one, empty documents left out.
 * @param file name for errors
 * @throws UserError DEPLOYMENT_INVALID_YAML, DEPLOYMENT_FILE_TOO_LARGE, with `file:line:column`
 */
export function readManifests(text: string, file: string): ManifestDocument[] {
  return readYamlDocuments(text.replace(/^\uFEFF/, ""), file, MANIFEST_YAML).flatMap(({ value, locate }) => {
    const under =
      (base: Path): ManifestDocument["locate"] =>
      (path) =>
        locate([...base, ...path]);
    if (isObject(value) && value.kind === "List" && Array.isArray(value.items)) {
      return value.items.map((item, i) => ({
        value: item as unknown,
        file,
        ...lineOf(locate(["items", i])),
        locate: under(["items", i])!,
      }));
    }
    return value === null ? [] : [{ value, file, ...lineOf(locate([])), locate }];
  });
}

function lineOf(place: string): { line?: number } {
  const line = /:(\d+):\d+(?: |$)/.exec(place)?.[1];
  return line === undefined ? {} : { line: Number(line) };
}

/** Errors whose place is that of a file already. */
const inFiles = new WeakSet<UserError>();

/** Runs `plan`, and says of errors whose place is a path in the document where in the file that is. */
export function placed<T>(document: ManifestDocument, plan: () => T): T {
  try {
    return plan();
  } catch (error) {
    if (!(error instanceof UserError) || inFiles.has(error)) throw error;
    const { code, message, hint, exitCode, cause } = error;
    const where = placeOf(document, error.where ?? "");
    const placedError = new UserError({ code, message, where, exitCode, ...(hint !== undefined && { hint }), cause });
    inFiles.add(placedError);
    throw placedError;
  }
}

/** `spec.services.prefill` as `file:12:5 (spec.services.prefill)`; what follows the path after `: ` stays behind it. */
export function placeOf({ file, line, locate }: ManifestDocument, where: string): string {
  const [path, ...rest] = where.split(": ");
  const own = path!.replace(/^\./, "");
  const place = locate
    ? locate(parsePath(own))
    : [line === undefined ? file : `${file}:${line}`, own].filter(Boolean).join(": ");
  return [place, ...rest].join(": ");
}
