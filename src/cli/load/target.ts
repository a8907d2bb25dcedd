import { UserError } from "#common";

/** `name: value` headers of `-H`. @throws UserError CLI_USAGE */
export function parseHeaders(given: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const text of given) {
    const [, name, value] = /^([!#$%&'*+.^_`|~\w-]+):\s*(.*)$/.exec(text) ?? [];
    // A value may be a secret: it is not shown.
    if (name === undefined || value === undefined || /[\r\n\0]/.test(value)) {
      throw usage("--header", "found something else than a header", "such as --header 'X-Tenant: blue'");
    }
    headers[name] = value;
  }
  return headers;
}

/**
 * `key:value` members of `--extra-inputs`; values are JSON where they can be read so (`ignore_eos:true`), else text. A JSON
 * object stands for its members. @throws UserError CLI_USAGE
 */
export function parseExtraInputs(given: readonly string[]): Record<string, unknown> {
  const inputs: Record<string, unknown> = {};
  for (const text of given) {
    if (text.trimStart().startsWith("{")) {
      const value = json(text);
      if (typeof value !== "object") throw usage("--extra-inputs", `found ${text}, which is no JSON object`);
      Object.assign(inputs, value);
      continue;
    }
    const colon = text.indexOf(":");
    if (colon < 1) {
      throw usage("--extra-inputs", `found ${JSON.stringify(text)}, expected key:value`, "such as ignore_eos:true");
    }
    const value = text.slice(colon + 1);
    inputs[text.slice(0, colon)] = json(value) ?? value;
  }
  return inputs;
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function usage(where: string, message: string, hint?: string): UserError {
  return new UserError({ code: "CLI_USAGE", where, message, ...(hint === undefined ? {} : { hint }) });
}
