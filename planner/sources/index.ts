export { scrapeSource } from "./scrape-source.ts";
export type { ScrapeSource, ScrapeSourceOptions, SourceWorker, SourceWorkers } from "./types.ts";
