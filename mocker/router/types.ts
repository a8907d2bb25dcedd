/** Chooses a worker for a request; knows workers by their place in the list of those that take requests. */
export interface Router {
  /**
   * @param outstanding work per candidate, in one unit (tokens or requests); may be longer than the list of candidates
   * @param count candidates, at least one
   * @returns an index into it
   */
  choose(outstanding: ArrayLike<number>, count: number): number;
}
