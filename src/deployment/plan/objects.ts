import { wrongType } from "../errors.ts";
import { isObject, type JsonObject, objectAt, textAt } from "../graph/json.ts";
import { badPath, objectMissing } from "./errors.ts";
import { namedNamespace } from "./namespace.ts";
import { type ManifestDocument, placed } from "./read-manifests.ts";

/** Kinds whose contents deployments refer to. */
export type DataKind = "ConfigMap" | "Secret";

/** Asks for an object that is not among the documents, such as of an API server. */
export type LookUp = (kind: DataKind, name: string, namespace: string) => unknown;

/** What a ConfigMap or a Secret holds, by key. */
export type ObjectData = ReadonlyMap<string, Uint8Array>;

const KEY = /^[-._a-zA-Z0-9]{1,253}$/;
const BASE64 = /^[A-Za-z0-9+/\s]*={0,2}\s*$/;

/** The ConfigMaps and Secrets that a deployment can see. */
export class DataObjects {
  readonly #documents: readonly ManifestDocument[];
  readonly #lookUp: LookUp | undefined;
  readonly #namespace: string;

  constructor(documents: readonly ManifestDocument[], namespace: string, lookUp?: LookUp) {
    this.#documents = documents;
    this.#namespace = namespace;
    this.#lookUp = lookUp;
  }

  /** Undefined where there is none. Of several of one name the last counts, as when they are applied one after the other. */
  find(kind: DataKind, name: string): ObjectData | undefined {
    const document = this.#documents.findLast(({ value }) => this.#names(value, kind).includes(name));
    if (document) return placed(document, () => dataOf(document.value as JsonObject, kind));
    const found = this.#lookUp?.(kind, name, this.#namespace);
    if (!isObject(found)) return undefined;
    const file = `${kind} ${this.#namespace}/${name}`;
    return placed({ value: found, file }, () => dataOf(found, kind));
  }

  /** @throws UserError DEPLOYMENT_OBJECT_MISSING */
  get(kind: DataKind, name: string, where: string): ObjectData {
    const found = this.find(kind, name);
    if (found) return found;
    const beside = this.#documents.flatMap(({ value }) => this.#names(value, kind));
    throw objectMissing(where, kind, name, beside);
  }

  #names(value: unknown, kind: DataKind): string[] {
    if (!isObject(value) || value.kind !== kind || !isObject(value.metadata)) return [];
    const { name } = value.metadata;
    const namespace = namedNamespace(value.metadata);
    const isHere = namespace === undefined || namespace === this.#namespace;
    return isHere && typeof name === "string" ? [name] : [];
  }
}

function dataOf(object: JsonObject, kind: DataKind): ObjectData {
  const utf8 = (text: string) => new TextEncoder().encode(text);
  const plain = (field: string) => entries(object, field).map(([key, text]) => [key, utf8(text)] as const);
  const encoded = (field: string) =>
    entries(object, field).map(([key, text]) => {
      if (!BASE64.test(text)) throw wrongType(`${field}.${key}`, "base64", text);
      return [key, new Uint8Array(Buffer.from(text, "base64"))] as const;
    });
  return new Map(
    kind === "ConfigMap" ? [...plain("data"), ...encoded("binaryData")] : [...encoded("data"), ...plain("stringData")],
  );
}

function entries(object: JsonObject, field: string): [string, string][] {
  const map = objectAt(object, field, "");
  return Object.keys(map ?? {}).map((key) => {
    if (!KEY.test(key) || key === "." || key === "..") {
      throw badPath(`${field}.${key}`, key, "a key of letters, digits, hyphens, underscores and dots");
    }
    return [key, textAt(map!, key, field) ?? ""];
  });
}
