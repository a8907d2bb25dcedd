/** Shapes that tell a chart's lines apart without colour; around 0, 0, of about the same area. */
const SHAPES = [
  "M-5 0A5 5 0 1 0 5 0A5 5 0 1 0 -5 0Z",
  "M-4.5 -4.5H4.5V4.5H-4.5Z",
  "M0 -6.2L6.2 0L0 6.2L-6.2 0Z",
  "M0 -5.8L5.8 4.6H-5.8Z",
  "M-2 -5.6H2V-2H5.6V2H2V5.6H-2V2H-5.6V-2H-2Z",
  "M0 5.8L5.8 -4.6H-5.8Z",
] as const;

export function markerShape(line: number): string {
  return SHAPES[line % SHAPES.length]!;
}
