import { dirname, extname } from "node:path";
import { makeFolder, UserError, writeFileAtomically } from "#common";
import { svgToPng } from "#src/report";

/**
 * Writes a picture (SVG text, rasterised unless the file is to be an .svg) and the page beside it. Returns both paths.
 * @throws UserError where the name's extension is neither .png nor .svg
 */
export function writePlot(plot: string, picture: string, page: string): string[] {
  const extension = checkPlotName(plot);
  const beside = `${plot.slice(0, plot.length - extension.length)}.html`;
  makeFolder(dirname(plot));
  writeFileAtomically(plot, extension === ".svg" ? picture : svgToPng(picture));
  writeFileAtomically(beside, page);
  return [plot, beside];
}

/** The name's extension; to be asked before the work begins. */
export function checkPlotName(plot: string): string {
  const extension = extname(plot);
  if (extension === ".png" || extension === ".svg") return extension;
  throw new UserError({
    code: "CLI_USAGE",
    where: "--output",
    message: `found ${JSON.stringify(plot)}, expected a name that ends in .png or .svg`,
    hint: "the page is written beside it, with .html",
  });
}
