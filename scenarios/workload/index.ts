export * from "./chance.ts";
export * from "./clients.ts";
export * from "./dependencies.ts";
export * from "./faults.ts";
export * from "./follow-ups.ts";
export * from "./routing-hints.ts";
export * from "./sessions.ts";
export * from "./workload.ts";
