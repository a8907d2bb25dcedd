import { UserError } from "#common";
import { type Path, parsePath } from "#common/documents";
import type { Deployment, Scenario } from "#scenarios";
import type { RoleName } from "#src/record";

/** What of a scenario tells where its settings stand. */
export type Places = Pick<Scenario<unknown>, "locate" | "holds">;

/** Of a deployment that came without its document: paths alone. */
export const NO_DOCUMENT: Places = { locate: (path) => path.join("."), holds: () => false };

/** Where a setting of a role's engines stands: under its pool, or where all pools have theirs. @param key as engines name it */
export function enginePlace(mode: Deployment["mode"], role: RoleName, key: Path, { locate, holds }: Places): string {
  const own: Path = ["deployment", mode === "agg" ? "agg" : role, "engine", ...key];
  return locate(holds(own) ? own : ["deployment", "engine", ...key]);
}

/** @throws UserError as `make` does, what is wrong with the engine with its place in the scenario */
export function withEnginePlaces<T>(mode: Deployment["mode"], role: RoleName, places: Places, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof UserError) || error.code !== "ENGINE_BAD_CONFIG" || error.where === undefined) throw error;
    const { code, message, hint, where } = error;
    throw new UserError({
      code,
      message,
      where: enginePlace(mode, role, parsePath(where), places),
      ...(hint === undefined ? {} : { hint }),
    });
  }
}
