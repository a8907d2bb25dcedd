/** Chooses a worker for a request; knows workers by their place in the list of those that take requests. */
export interface Router {
  /**
   * @param outstanding work per candidate, in one unit (tokens or requests); at least one candidate
   * @returns an index into it
   */
  choose(outstanding: ArrayLike<number>, count: number): number;
}
