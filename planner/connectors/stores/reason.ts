/** Why a request failed, in few words. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return "no answer in time";
  return error.message || (error as NodeJS.ErrnoException).code || error.name;
}
