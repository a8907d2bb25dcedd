import { createHash, timingSafeEqual } from "node:crypto";

/** Bearer tokens that are accepted, compared in a time that tells nothing of them. */
export class BearerTokens {
  readonly #digests: readonly Buffer[];

  /** None: everybody may. */
  constructor(tokens: readonly string[]) {
    this.#digests = tokens.map(digest);
  }

  /** @param authorization a request's header of that name */
  judge(authorization: string | undefined): "ok" | "missing" | "wrong" {
    if (this.#digests.length === 0) return "ok";
    const token = /^Bearer +(\S+) *$/i.exec(authorization ?? "")?.[1];
    if (token === undefined) return "missing";
    const found = digest(token);
    let matches = 0;
    for (const expected of this.#digests) matches |= Number(timingSafeEqual(found, expected));
    return matches === 0 ? "wrong" : "ok";
  }
}

/** Equal lengths, which the comparison needs, whatever the tokens. */
function digest(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
