export type { ScrapeSource, ScrapeSourceOptions, SourceWorker, SourceWorkers } from "./types.ts";
