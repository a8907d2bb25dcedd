/** Small building blocks of SVG text; no DOM. Numbers have at most two decimals, so that equal input gives equal bytes. */

export type Attributes = Record<string, string | number | undefined>;

export function escapeXml(text: string): string {
  return (
    text
      .replaceAll("&", "&amp;")
      .replaceAll("<", "&lt;")
      .replaceAll(">", "&gt;")
      .replaceAll('"', "&quot;")
      // biome-ignore lint/suspicious/noControlCharactersInRegex: XML 1.0 has no way to write these
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "\ufffd")
  );
}

/** A coordinate: two decimals at most, no exponent, no negative zero. */
export function coordinate(value: number): string {
  const rounded = Math.round(value * 100) / 100;
  return String(rounded === 0 ? 0 : rounded);
}

/** `<name a="…">children</name>`; attributes that are undefined are left out, numbers are coordinates. */
export function element(name: string, attributes: Attributes, children: string | string[] = ""): string {
  let open = `<${name}`;
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined) continue;
    open += ` ${key}="${typeof value === "number" ? coordinate(value) : escapeXml(value)}"`;
  }
  const inner = typeof children === "string" ? children : children.join("");
  return inner === "" ? `${open}/>` : `${open}>${inner}</${name}>`;
}

/** A text element. */
export function text(content: string, attributes: Attributes): string {
  return element("text", attributes, escapeXml(content));
}
