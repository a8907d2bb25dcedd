/** A class as the rounds see it. */
export interface RoundTurn {
  /** What its next request costs; null: none of its requests may go now. */
  cost: number | null;
  isEmpty: boolean;
}

/**
 * Whose turn it is among classes that share by weight: the deficit round robin of Dynamo's router (docs, "Deficit Round Robin Queue
 * Scheduling"; Shreedhar and Varghese, SIGCOMM 1995). In each round a class is credited its quantum, and spends it on requests at
 * their cost. Where no class can pay after a whole round, as many rounds as the first to pay needs pass at once.
 */
export class DeficitRoundRobin {
  readonly #quanta: readonly number[];
  readonly #credit: Float64Array;
  #cursor = 0;

  /** @param quanta above 0, one for each class */
  constructor(quanta: readonly number[]) {
    this.#quanta = quanta;
    this.#credit = new Float64Array(quanta.length);
  }

  /** @returns the class whose request goes, −1: nobody's */
  next(turns: readonly RoundTurn[]): number {
    let anybody = false;
    for (const place of this.#round()) {
      const { cost, isEmpty } = turns[place]!;
      if (isEmpty) this.#credit[place] = 0;
      if (cost === null) continue;
      anybody = true;
      if (this.#credit[place]! < cost) this.#credit[place]! += this.#quanta[place]!;
      if (this.#credit[place]! >= cost) return place;
    }
    if (!anybody) return -1;
    let rounds = Number.POSITIVE_INFINITY;
    turns.forEach(({ cost }, place) => {
      if (cost !== null) rounds = Math.min(rounds, Math.ceil((cost - this.#credit[place]!) / this.#quanta[place]!));
    });
    turns.forEach(({ cost }, place) => {
      if (cost !== null) this.#credit[place]! += rounds * this.#quanta[place]!;
    });
    return this.#round().find((place) => {
      const { cost } = turns[place]!;
      return cost !== null && this.#credit[place]! >= cost;
    })!;
  }

  /** Its request has gone. @param next its turn from now on: it goes on where it can pay at once */
  spend(place: number, cost: number, next: RoundTurn): void {
    this.#credit[place]! -= cost;
    if (next.isEmpty) this.#credit[place] = 0;
    const goesOn = next.cost !== null && this.#credit[place]! >= next.cost;
    this.#cursor = goesOn ? place : (place + 1) % this.#quanta.length;
  }

  #round(): number[] {
    return this.#quanta.map((_, i) => (this.#cursor + i) % this.#quanta.length);
  }
}
