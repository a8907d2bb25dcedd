import { createHash, timingSafeEqual } from "node:crypto";
import { invalidApiKey } from "./errors.ts";

/** Checks bearer tokens in a time that tells nothing of them. */
export class ApiKeys {
  readonly #digests: readonly Buffer[];

  /** None: everybody may. */
  constructor(keys: readonly string[]) {
    this.#digests = keys.map(digest);
  }

  /** @param authorization the request's header of that name @throws OpenAiError 401 */
  check(authorization: string | undefined): void {
    if (this.#digests.length === 0) return;
    const token = /^Bearer +(\S+) *$/i.exec(authorization ?? "")?.[1];
    if (token === undefined) throw invalidApiKey("missing");
    const found = digest(token);
    let matches = 0;
    for (const expected of this.#digests) matches |= Number(timingSafeEqual(found, expected));
    if (matches === 0) throw invalidApiKey("wrong");
  }
}

/** Equal lengths, which the comparison needs, whatever the keys. */
function digest(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}
