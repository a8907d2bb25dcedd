export { type DynosimConformanceOptions, type DynosimRow, runDynosimConformance } from "./dynosim/run.ts";
