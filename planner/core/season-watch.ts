/** Since when forecasts have come from a period, s, and the shortest that was believed in. */
export interface Season {
  sinceS: number;
  periodS: number;
}

/** Forecasts come from a period where its models have this weight, until they have less than the other. */
const SEASONAL_SHARE = 0.5;
const NO_LONGER_SEASONAL_SHARE = 0.3;

/** Tells whether forecasts come from a period, and since when. */
export class SeasonWatch {
  #season: Season | null = null;

  /** @param seasonalShare weight of the models of a period, 0 to 1 @param periodS what history shows; null: none */
  update(nowS: number, seasonalShare: number, periodS: number | null): void {
    if (seasonalShare < NO_LONGER_SEASONAL_SHARE || periodS === null) this.#season = null;
    else if (this.#season !== null) this.#season.periodS = Math.min(this.#season.periodS, periodS);
    else if (seasonalShare >= SEASONAL_SHARE) this.#season = { sinceS: nowS, periodS };
  }

  /** null: they don't. */
  get season(): Readonly<Season> | null {
    return this.#season;
  }
}
