import { translateEngine } from "./engine.ts";
import { translateFrontend } from "./frontend.ts";
import { translateMocker } from "./mocker.ts";
import { translateOwn, translateProfiler } from "./own.ts";
import { translatePlanner } from "./planner.ts";
import type { Source, Translation } from "./translation.ts";

/** The manifest's program as a command of ours. @throws UserError for what can't be honoured, with its place */
export function translate(source: Source): Translation {
  const { program } = source;
  switch (program.kind) {
    case "mocker":
      return translateMocker(source);
    case "frontend":
      return translateFrontend(source);
    case "planner":
    case "legacy-planner":
      return translatePlanner(source, program.args);
    case "engine":
      return translateEngine(source);
    case "profiler":
      return translateProfiler(source);
    case "own":
      return translateOwn(source);
  }
}
