import { BearerTokens } from "#common/http";
import { invalidApiKey } from "./errors.ts";

/** API keys as OpenAI's clients send them. */
export class ApiKeys {
  readonly #tokens: BearerTokens;

  /** None: everybody may. */
  constructor(keys: readonly string[]) {
    this.#tokens = new BearerTokens(keys);
  }

  /** @param authorization the request's header of that name @throws OpenAiError 401 */
  check(authorization: string | undefined): void {
    const verdict = this.#tokens.judge(authorization);
    if (verdict !== "ok") throw invalidApiKey(verdict);
  }
}
