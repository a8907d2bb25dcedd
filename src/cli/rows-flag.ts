import { Option } from "commander";
import { ROWS_IN_MEMORY } from "#src/record";
import { wholeNumber } from "./values.ts";

/** `--rows-in-memory` */
export function rowsInMemoryOption(): Option {
  return new Option(
    "--rows-in-memory <n>",
    "requests of a run that memory holds to its end; the rows of larger runs go to a file that ends with it",
  )
    .argParser(wholeNumber("--rows-in-memory"))
    .default(ROWS_IN_MEMORY);
}
