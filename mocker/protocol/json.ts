const BEYOND_ASCII = /[\u007f-\uffff]/g;

/**
 * JSON in ASCII alone: other characters as `\uXXXX`. A response made of it can be written to a socket as latin1, which
 * costs no encoding.
 */
export function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(BEYOND_ASCII, escaped);
}

/** A text as it stands between the quotes of a JSON string, in ASCII. */
export function jsonText(text: string): string {
  return asciiJson(text).slice(1, -1);
}

function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
