import { badValue, unknownFormat } from "./errors.ts";
import { type JsonObject, jsonField, jsonNumber, jsonNumbers, jsonObject, jsonSafe, parseJson } from "./json.ts";
import { checkedDecode, checkedPrefill, jsonSource, readDecode, readPrefill } from "./reference-arrays.ts";
import type { Profile, Provenance } from "./types.ts";

/** Marks our own format; the version changes when a reader of the old one would misread the new one. */
const FORMAT = "understudy-profile";
const VERSION = 1;

const PROVENANCE_TEXTS = ["model", "gpu", "backend", "backendVersion", "parallelism", "date", "tool", "note"] as const;
const PROVENANCE_NUMBERS = [
  "gpusPerPrefillEngine",
  "gpusPerDecodeEngine",
  "kvBytesPerToken",
  "prefillStartupMs",
  "decodeStartupMs",
] as const;
const SOURCES = ["measured", "estimated", "converted"] as const;

/** The text of a `profile.json`: our names with units, one array a line. */
export function encodeProfileJson(profile: Profile): string {
  const { prefill, decode } = profile;
  const document = {
    format: FORMAT,
    version: VERSION,
    name: profile.name,
    provenance: profile.provenance,
    prefill: {
      isl: jsonSafe(prefill.isl),
      ttftMs: jsonSafe(prefill.ttftMs),
      throughputPerGpu: jsonSafe(prefill.throughputPerGpu),
    },
    decode: {
      maxKvTokens: decode.maxKvTokens,
      kvUsage: jsonSafe(decode.kvUsage),
      contextLength: jsonSafe(decode.contextLength),
      itlMs: jsonSafe(decode.itlMs),
      throughputPerGpu: jsonSafe(decode.throughputPerGpu),
    },
  };
  const text = JSON.stringify(document, null, 2);
  return `${text.replace(/\[\n\s+([^[\]{}]*?)\n\s+\]/g, (_, items: string) => `[${items.replace(/,\n\s+/g, ", ")}]`)}\n`;
}

/**
 * Reads one JSON document that holds a whole profile: our `profile.json`, or both arrays of Dynamo's
 * `planner-profile-data` ConfigMap in one object (as objects, or as the strings of a ConfigMap's `data`).
 * @param where names the file in errors; @param name of the profile where the document has none
 * @throws UserError
 */
export function decodeProfileJson(text: string, where: string, name: string): Profile {
  const root = jsonObject(parseJson(text, where), `${where}:$`);
  if (root.format === FORMAT) return decodeOwn(root, where, name);
  const bundle = Object.hasOwn(root, "data") ? jsonObject(root.data, `${where}:$.data`) : root;
  if (Object.hasOwn(bundle, "prefill_raw_data.json") || Object.hasOwn(bundle, "decode_raw_data.json")) {
    const part = (key: string): JsonObject => {
      const value = jsonField(bundle, key, `${where}:$`);
      const place = `${where}:$["${key}"]`;
      return jsonObject(typeof value === "string" ? parseJson(value, place) : value, place);
    };
    return decodeParts(part("prefill_raw_data.json"), part("decode_raw_data.json"), root, where, name);
  }
  if (Object.hasOwn(root, "prefill") && Object.hasOwn(root, "decode")) {
    const prefill = jsonObject(root.prefill, `${where}:$.prefill`);
    const decode = jsonObject(root.decode, `${where}:$.decode`);
    if (Object.hasOwn(prefill, "prefill_isl")) return decodeParts(prefill, decode, root, where, name);
    return decodeOwn(root, where, name);
  }
  throw unknownFormat(where, `a JSON object with ${Object.keys(root).slice(0, 10).join(", ") || "no keys"}`);
}

/** Both JSON files of the `planner-profile-data` ConfigMap. @throws UserError */
export function decodeJsonPair(
  prefill: { text: string; where: string },
  decode: { text: string; where: string },
  name: string,
): Profile {
  const source = (file: { text: string; where: string }) =>
    jsonSource(jsonObject(parseJson(file.text, file.where), `${file.where}:$`), `${file.where}:$`);
  return { name, prefill: readPrefill(source(prefill)), decode: readDecode(source(decode)), provenance: {} };
}

function decodeParts(prefill: JsonObject, decode: JsonObject, root: JsonObject, where: string, name: string): Profile {
  const provenance: Provenance = {};
  if (typeof root.source === "string") provenance.note = root.source;
  if (typeof root.tp === "number" && Number.isInteger(root.tp) && root.tp > 0) {
    provenance.parallelism = `tp${root.tp}`;
    provenance.gpusPerPrefillEngine = root.tp;
    provenance.gpusPerDecodeEngine = root.tp;
  }
  return {
    name: typeof root.name === "string" ? root.name : name,
    prefill: readPrefill(jsonSource(prefill, `${where}:$.prefill`)),
    decode: readDecode(jsonSource(decode, `${where}:$.decode`)),
    provenance,
  };
}

function decodeOwn(root: JsonObject, where: string, name: string): Profile {
  const at = `${where}:$`;
  const version = root.version ?? VERSION;
  if (version !== VERSION) {
    throw badValue(
      `${at}.version`,
      version,
      String(VERSION),
      "this profile was written by a newer version of the tool",
    );
  }
  const prefill = jsonObject(jsonField(root, "prefill", at), `${at}.prefill`);
  const decode = jsonObject(jsonField(root, "decode", at), `${at}.decode`);
  const numbers = (object: JsonObject, part: string) => (key: string) => jsonNumbers(object, key, `${at}.${part}`);
  const fromPrefill = numbers(prefill, "prefill");
  const fromDecode = numbers(decode, "decode");
  if (root.name !== undefined && typeof root.name !== "string") throw badValue(`${at}.name`, root.name, "a string");
  return {
    name: root.name ?? name,
    prefill: checkedPrefill(
      {
        isl: fromPrefill("isl"),
        ttftMs: fromPrefill("ttftMs"),
        throughputPerGpu: fromPrefill("throughputPerGpu"),
      },
      `${at}.prefill`,
    ),
    decode: checkedDecode(
      {
        kvUsage: fromDecode("kvUsage"),
        contextLength: fromDecode("contextLength"),
        itlMs: fromDecode("itlMs"),
        throughputPerGpu: fromDecode("throughputPerGpu"),
        maxKvTokens: jsonNumber(jsonField(decode, "maxKvTokens", `${at}.decode`), `${at}.decode.maxKvTokens`),
      },
      `${at}.decode`,
    ),
    provenance: decodeProvenance(root.provenance, `${at}.provenance`),
  };
}

/** Unknown keys are kept out but not refused: a newer tool may know more about where its data comes from. */
function decodeProvenance(value: unknown, where: string): Provenance {
  if (value === undefined) return {};
  const object = jsonObject(value, where);
  const provenance: Provenance = {};
  for (const key of PROVENANCE_TEXTS) {
    const text = object[key];
    if (text === undefined) continue;
    if (typeof text !== "string") throw badValue(`${where}.${key}`, text, "a string");
    provenance[key] = text;
  }
  for (const key of PROVENANCE_NUMBERS) {
    const number = object[key];
    if (number === undefined) continue;
    if (typeof number !== "number" || !(number > 0)) throw badValue(`${where}.${key}`, number, "a number > 0");
    provenance[key] = number;
  }
  if (object.source !== undefined) {
    const source = SOURCES.find((known) => known === object.source);
    if (source === undefined) throw badValue(`${where}.source`, object.source, SOURCES.join(", "));
    provenance.source = source;
  }
  return provenance;
}
