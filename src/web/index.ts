export { type WebUiContent, type WebUiContentOptions, webUiContent } from "./content.ts";
export { pickWithWebUi, type WebUiOptions, type WebUiPick, webUiJson } from "./server/pick.ts";
