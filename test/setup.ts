import { configureGlobal } from "fast-check";

/** Properties draw the same cases in every CI run, and other ones each time on a developer's machine. */
if (process.env.CI) configureGlobal({ seed: 20_261_124 });
