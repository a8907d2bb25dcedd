export { type BestStaticOptions, bestStatic } from "./best-static.ts";
export {
  type Candidate,
  type ComparedPredictors,
  type ComparePredictorsOptions,
  comparePredictors,
} from "./compare-predictors.ts";
export {
  type Hindsight,
  type HindsightOptions,
  type HindsightPlan,
  hindsightPlanner,
  hindsightPlans,
} from "./hindsight/hindsight.ts";
export { type OverSeeds, overSeeds } from "./over-seeds.ts";
