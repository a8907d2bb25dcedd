import { tokensSeed } from "#mocker/text";

/** Hexadecimal digits by a seed: the same ones on every machine. */
export function hexDigits(seed: number | string, digits: number): string {
  const units = Array.from(String(seed), (c) => c.codePointAt(0)!);
  let text = "";
  for (let i = 0; text.length < digits; i++) {
    text += (tokensSeed(Int32Array.of(i, ...units)) % 2 ** 48).toString(16).padStart(12, "0");
  }
  return text.slice(0, digits);
}

/** One of several by a seed. */
export function pick<Item>(items: readonly Item[], seed: number | string): Item {
  return items[Number.parseInt(hexDigits(seed, 8), 16) % items.length]!;
}
