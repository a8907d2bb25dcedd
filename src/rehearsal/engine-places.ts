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
  return withPlaces(make, ({ code, where }) =>
    code === "ENGINE_BAD_CONFIG" && where !== undefined ? enginePlace(mode, role, parsePath(where), places) : where,
  );
}

/** The same of an estimate that can't be made, which tells of a model and not of where it stands. */
export function withEstimatorPlace<T>(mode: Deployment["mode"], role: RoleName, places: Places, make: () => T): T {
  return withPlaces(make, ({ code, where }) => {
    if (!code.startsWith("ESTIMATOR_")) return where;
    const place = enginePlace(mode, role, ["timing", "estimator"], places);
    return where === undefined ? place : `${place}: ${where}`;
  });
}

/** What is wrong with a planner's settings, with their place. */
export function withPlannerPlaces<T>({ locate }: Pick<Places, "locate">, make: () => T): T {
  return withPlaces(make, ({ where }) => (where?.startsWith("planner.") ? locate(parsePath(where)) : where));
}

/** @throws UserError as `make` does, somewhere else */
function withPlaces<T>(make: () => T, placeOf: (error: UserError) => string | undefined): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const where = placeOf(error);
    if (where === undefined || where === error.where) throw error;
    const { code, message, hint, exitCode } = error;
    throw new UserError({ code, message, where, exitCode, ...(hint === undefined ? {} : { hint }) });
  }
}
