import { compatSurface } from "./compat/surface.ts";
import { robustSurface } from "./robust/surface.ts";
import type { Profile, Surface, SurfaceFamily } from "./types.ts";

const built = new WeakMap<Profile, Map<SurfaceFamily, Surface>>();

/**
 * The surfaces of a profile, built once for each profile object (which must not change afterwards).
 * @param family `robust` (default) is better in every respect but one: `compat` decides as the reference planner does
 * @throws UserError PROFILES_TOO_FEW_POINTS
 */
export function buildSurface(profile: Profile, family: SurfaceFamily = "robust"): Surface {
  const families = built.get(profile) ?? new Map<SurfaceFamily, Surface>();
  built.set(profile, families);
  let surface = families.get(family);
  if (!surface) {
    surface = family === "compat" ? compatSurface(profile) : robustSurface(profile);
    families.set(family, surface);
  }
  return surface;
}
