/** A model of the request rate: fed tick by tick, asked for the rate some seconds from now. Rates in requests/s. */
export interface RateModel {
  readonly name: string;
  readonly seasonal: boolean;
  /** Loss it starts with: slow models must earn their weight. */
  readonly initialLoss: number;
  update(rate: number, dtS: number, nowS: number): void;
  /** Rate `hS` seconds from the last update, or null while the model has nothing to say. */
  forecast(hS: number): number | null;
  /** Period a seasonal model believes in, s. */
  periodS(): number | null;
}
