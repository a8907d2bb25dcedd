export { type ComparedValue, type Comparison, compareRuns, type DecisionDifference, TOLERANCE } from "./compare.ts";
