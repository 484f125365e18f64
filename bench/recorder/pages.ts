// Pages that cost a recorder something, and what is done on them. `work` runs in the page, in steps that each let it paint.

export interface Page {
  readonly name: string;
  readonly body: string;
  /** Statements; `step(fn, times)` runs them one a frame. */
  readonly work: string;
}

export const STEP = `const step = async (fn, times) => { for (let i = 0; i < times; i++) { fn(i);
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))); } };`;

const row = (i: string) =>
  `"<tr><td>" + ${i} + "</td><td class='name'>Item " + ${i} + "</td><td><button>Buy</button></td></tr>"`;

export const PAGES: readonly Page[] = [
  {
    name: "nodes",
    body: `<main>${"<section><h2>Part</h2><p class='text'>Some <b>words</b> here</p><ul><li>one</li><li>two</li></ul></section>".repeat(1_250)}</main>`,
    work: `const texts = document.querySelectorAll(".text");
      await step((i) => { for (let j = 0; j < 50; j++) texts[(i * 50 + j) % texts.length].firstChild.data = "Some " + i + " "; }, 40);`,
  },
  {
    name: "rows",
    body: '<table><tbody id="rows"></tbody></table>',
    work: `await step((n) => { rows.innerHTML = Array.from({ length: 1000 }, (_, i) => ${row("(i + n)")}).join(""); }, 12);`,
  },
  {
    name: "editor",
    body: '<div id="editor" contenteditable="true"><p>Beginning</p></div>',
    work: `let line = editor.firstElementChild;
      await step((i) => { if (i % 60 === 59) { line = document.createElement("p"); editor.append(line); line.append(" "); }
        line.lastChild.data += "abcdefgh "[i % 9]; line.className = "line l" + (i % 3); getSelection().collapse(line.lastChild, 1); }, 400);`,
  },
  {
    name: "list",
    body: '<div id="list" style="height: 400px; overflow: auto"></div>',
    work: `await step((n) => { for (let i = 0; i < 20; i++) { const item = document.createElement("article");
        item.innerHTML = "<h3>Entry " + n * 20 + i + "</h3><p>" + "text ".repeat(20) + "</p>"; list.append(item); }
        while (list.children.length > 200) list.firstChild.remove(); list.scrollTop = list.scrollHeight; }, 100);`,
  },
];
