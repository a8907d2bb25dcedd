/** Shows the page with the tests' sweep, for working on it: `node test/web/serve-sweep.ts [PORT]`. */
import { pickWithWebUi } from "#src/web";
import { content } from "./sweep.ts";

const pick = await pickWithWebUi({
  content: content(),
  port: Number(process.argv[2] ?? 8000),
  log: (level, message) => console.error(`${level}: ${message}`),
});
console.log(pick);
