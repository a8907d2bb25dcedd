/** What is to be done later, by a number that an event can carry. */
export class Actions {
  readonly #actions: (() => void)[] = [];
  readonly #free: number[] = [];

  add(act: () => void): number {
    const place = this.#free.pop() ?? this.#actions.length;
    this.#actions[place] = act;
    return place;
  }

  /** Does it; its number may be used again from then on. */
  run(place: number): void {
    const act = this.#actions[place]!;
    this.#free.push(place);
    act();
  }
}
