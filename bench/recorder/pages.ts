// Pages that cost a recorder something, and what is done on them.

export interface Page {
  readonly name: string;
  readonly body: string;
  /** Statements that run once, before anything is done. */
  readonly ready: string;
  /** Statements that do one thing, the `i`th. */
  readonly act: string;
  /** How often that is done by script, once a frame. */
  readonly times: number;
}

/** In each page: a button that does it once more when it is clicked. */
const BUTTON = '<button id="act" style="position: fixed; top: 0; left: 0">Act</button>';

/** What runs in the page: does the page's things, and leaves one for each click. */
export function workOf({ ready, act, times }: Page): string {
  return `(async () => { ${ready}
    let done = 0;
    const once = () => { const i = done++; ${act} };
    document.getElementById("act").onclick = once;
    for (let i = 0; i < ${times}; i++) { once();
      await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))); }
  })()`;
}

const row = (i: string) =>
  `"<tr><td>" + ${i} + "</td><td class='name'>Item " + ${i} + "</td><td><button>Buy</button></td></tr>"`;

export const PAGES: readonly Page[] = [
  {
    name: "nodes",
    body: `${BUTTON}<main>${"<section><h2>Part</h2><p class='text'>Some <b>words</b> here</p><ul><li>one</li><li>two</li></ul></section>".repeat(1_250)}</main>`,
    ready: 'const texts = document.querySelectorAll(".text");',
    act: `for (let j = 0; j < 50; j++) texts[(i * 50 + j) % texts.length].firstChild.data = "Some " + i + " ";`,
    times: 40,
  },
  {
    name: "rows",
    body: `${BUTTON}<table><tbody id="rows"></tbody></table>`,
    ready: "",
    act: `rows.innerHTML = Array.from({ length: 1000 }, (_, n) => ${row("(n + i)")}).join("");`,
    times: 12,
  },
  {
    name: "editor",
    body: `${BUTTON}<div id="editor" contenteditable="true"><p>Beginning</p></div>`,
    ready: "let line = editor.firstElementChild;",
    act: `if (i % 60 === 59) { line = document.createElement("p"); editor.append(line); line.append(" "); }
      line.lastChild.data += "abcdefgh "[i % 9]; line.className = "line l" + (i % 3); getSelection().collapse(line.lastChild, 1);`,
    times: 400,
  },
  {
    name: "list",
    body: `${BUTTON}<div id="list" style="height: 400px; overflow: auto"></div>`,
    ready: "",
    act: `for (let j = 0; j < 20; j++) { const item = document.createElement("article");
        item.innerHTML = "<h3>Entry " + i * 20 + j + "</h3><p>" + "text ".repeat(20) + "</p>"; list.append(item); }
      while (list.children.length > 200) list.firstChild.remove(); list.scrollTop = list.scrollHeight;`,
    times: 100,
  },
];

/** Half an hour of somebody who types, scrolls and is shown something new every second, on the page of 10,000 nodes, done once a frame. */
export const HALF_HOUR: Page = {
  name: "half_hour",
  body: `${PAGES[0]?.body}<div id="editor" contenteditable="true"><p>Beginning</p></div>
    <table><tbody>${"<tr><td>0</td><td>0</td><td>0</td></tr>".repeat(100)}</tbody></table>
    <div id="list" style="height: 200px; overflow: auto"></div>`,
  ready: `let line = editor.firstElementChild; const cells = document.querySelectorAll("td");`,
  act: `if (i % 40 === 39) { line = document.createElement("p"); editor.append(line); line.append(" "); }
    while (editor.children.length > 30) editor.firstChild.remove();
    for (let j = 0; j < 3; j++) line.lastChild.data += "abcdefgh "[(i + j) % 9];
    for (let j = 0; j < 10; j++) cells[(i * 7 + j * 31) % cells.length].textContent = String(i * j);
    const item = document.createElement("article");
    item.innerHTML = "<h3>Entry " + i + "</h3><p class='new'>" + "text ".repeat(20) + "</p>"; list.append(item);
    while (list.children.length > 50) list.firstChild.remove(); list.scrollTop = list.scrollHeight;
    // Bare rrweb's events are kept by the page, which is none of its memory.
    if (globalThis.events) events.length = 0;`,
  times: 1_800,
};
