/** Advance widths of the printable ASCII characters (from the space on) in 1/1000 em, from the `hmtx` table of Inter 4.001. */
const REGULAR = [
  281, 288, 466, 633, 642, 982, 644, 300, 365, 365, 501, 662, 288, 460, 288, 360, 631, 407, 610, 618, 646, 593, 620,
  566, 619, 620, 288, 302, 662, 662, 662, 511, 966, 690, 654, 730, 722, 601, 590, 746, 743, 269, 571, 672, 565, 903,
  753, 765, 639, 765, 644, 642, 646, 744, 690, 985, 682, 679, 629, 365, 360, 365, 471, 456, 323, 562, 612, 571, 612,
  583, 370, 613, 591, 242, 242, 549, 242, 876, 591, 600, 612, 612, 376, 528, 327, 591, 562, 818, 546, 562, 552, 426,
  333, 426, 662,
];
/** Semibold is this much wider on average. */
const SEMIBOLD = 1.03;
const OTHER_CHARACTER = 660;

/** Width of a text in px as Inter sets it (without kerning), so that charts can leave room without a browser. */
export function textWidth(text: string, fontSizePx: number, weight: 400 | 600 = 400): number {
  let sum = 0;
  for (const character of text) sum += REGULAR[character.codePointAt(0)! - 32] ?? OTHER_CHARACTER;
  return (sum / 1000) * fontSizePx * (weight === 600 ? SEMIBOLD : 1);
}
