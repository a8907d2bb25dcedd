import { compatSurface } from "../compat/surface.ts";
import type { Profile, Surface } from "../types.ts";
export function robustSurface(profile: Profile): Surface {
  return { ...compatSurface(profile), family: "robust" };
}
