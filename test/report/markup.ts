import { expect } from "vitest";

const VOID = new Set(["meta", "link", "br", "hr", "img", "input"]);
const ENTITIES = /&(?:amp|lt|gt|quot|nbsp);/g;

/** A page without its scripts and styles. */
export function visibleText(page: string): string {
  return page.replace(/<(script|style)\b[^>]*>[\s\S]*?<\/\1>/g, "");
}

/** Checks that tags nest and close and that text has no bare `<` or `&`; scripts and styles are passed over. */
export function expectWellFormed(markup: string): void {
  const text = visibleText(markup).replace(/<!doctype[^>]*>|<\?xml[^>]*>/gi, "");
  const open: string[] = [];
  let rest = "";
  let last = 0;
  for (const match of text.matchAll(/<(\/?)([A-Za-z][\w-]*)((?:\s+[\w:-]+(?:="[^"<]*")?)*)\s*(\/?)>/g)) {
    rest += text.slice(last, match.index);
    last = match.index + match[0].length;
    const [, closing, name, attributes, empty] = match;
    rest += attributes!.replace(ENTITIES, "");
    if (closing) expect(open.pop(), `closing tag before ${text.slice(last, last + 60)}`).toBe(name);
    else if (!empty && !VOID.has(name!)) open.push(name!);
  }
  rest += text.slice(last);
  expect(open, "tags left open").toEqual([]);
  expect(rest.replace(ENTITIES, "").match(/.{0,40}[<&].{0,40}/), "a bare < or &").toBeNull();
}
