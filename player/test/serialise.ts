/**
 * What is on a page, as text: elements with the attributes that show, text, values and scroll positions. Runs in browsers, so it stands alone.
 */
export function serialise(document: Document): string {
  const lines: string[] = [];
  const visit = (node: Node, depth: number): void => {
    const indent = " ".repeat(depth);
    if (node.nodeType === 3) {
      const text = (node.textContent ?? "").trim();
      if (text !== "") lines.push(`${indent}${text}`);
      return;
    }
    if (node.nodeType !== 1) return;
    const element = node as HTMLElement;
    const tag = element.tagName.toLowerCase();
    if (tag === "script" || tag === "noscript" || tag === "style") return;
    // rrweb tells by this class where the pointer is.
    const classes = [...element.classList].filter((name) => name !== ":hover").join(" ");
    const shown = ["id", "data-count", "href", "type"]
      .filter((name) => element.hasAttribute(name))
      .map((name) => ` ${name}=${element.getAttribute(name)}`);
    if (classes !== "") shown.push(` class=${classes}`);
    const value =
      "value" in element && tag === "input" ? ` value=${(element as HTMLInputElement).value}` : "";
    const scroll = element.scrollTop > 0 ? ` scrolled=${Math.round(element.scrollTop)}` : "";
    lines.push(`${indent}<${tag}${shown.join("")}${value}${scroll}>`);
    for (const child of element.childNodes) visit(child, depth + 1);
  };
  visit(document.body, 0);
  return lines.join("\n");
}
