/** Whether all that `wanted` says is so already; the API adds fields of its own, and drops those it does not know. */
export function covers(found: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) {
    return (
      Array.isArray(found) && found.length === wanted.length && wanted.every((item, at) => covers(found[at], item))
    );
  }
  if (typeof wanted === "object" && wanted !== null) {
    if (typeof found !== "object" || found === null) return false;
    return Object.entries(wanted).every(([key, value]) => covers((found as Record<string, unknown>)[key], value));
  }
  return found === wanted;
}
