import { Resvg } from "@resvg/resvg-js";
import { trueTypeFonts } from "./fonts.ts";

export interface PngOptions {
  /** Pixels per SVG unit. Default 2, for screens of high density. */
  zoom?: number;
}

/** The semibold file calls its family by this name, and the rasteriser looks fonts up by it. */
const SEMIBOLD_FAMILY = "Inter SemiBold";

/** Rasterises an SVG of ours. Only the bundled font is used, so that the pixels are the same on every machine. */
export function svgToPng(svg: string, { zoom = 2 }: PngOptions = {}): Buffer {
  const image = new Resvg(svg.replaceAll('font-weight="600"', `font-weight="600" font-family="${SEMIBOLD_FAMILY}"`), {
    fitTo: { mode: "zoom", value: zoom },
    font: {
      loadSystemFonts: false,
      fontFiles: trueTypeFonts(),
      defaultFontFamily: "Inter",
      sansSerifFamily: "Inter",
    },
  });
  return image.render().asPng();
}
