export { type BestStaticOptions, bestStatic } from "./best-static.ts";
