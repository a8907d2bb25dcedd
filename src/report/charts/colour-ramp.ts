import { interpolateLab, piecewise } from "d3-interpolate";

/** Viridis (van der Walt & Smith 2015) at nine even steps: perceptually even, and readable in every colour blindness and in grey. */
const VIRIDIS = ["#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30", "#fde725"];

const ramp = piecewise(interpolateLab, VIRIDIS);

/** Colour of a share 0 (dark) .. 1 (bright) as `rgb(r, g, b)`. */
export function rampColour(share: number): string {
  return ramp(Math.min(1, Math.max(0, share)));
}
