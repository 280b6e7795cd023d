"""Style and script of the HTML report, written into the page itself."""

STYLE = """
:root { color-scheme: light dark; --bad: light-dark(#fde2e2, #5a1a1a); --line: light-dark(#ddd, #444);
  --back: light-dark(#fff, #17191c); --text: light-dark(#1b1b1b, #e6e6e6); --head: light-dark(#f3f4f6, #24272c);
  --link: light-dark(#00598a, #6cbcf0); }
:root[data-theme=light] { color-scheme: light; }
:root[data-theme=dark] { color-scheme: dark; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
nav { position: sticky; top: 0; z-index: 2; display: flex; flex-wrap: wrap; gap: .4em 1.4em; align-items: center;
  padding: .6em 1.2em; background: var(--head); border-bottom: 1px solid var(--line); }
nav button { margin-left: auto; }
main { max-width: 1480px; margin: 0 auto; padding: 0 1.2em 4em; }
section { scroll-margin-top: 4em; }
section + section { border-top: 3px solid var(--line); margin-top: 3em; }
a { color: var(--link); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; margin: .6em 0; }
th, td { border-bottom: 1px solid var(--line); padding: .3em .6em; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: var(--back); }
thead th { background: var(--head) !important; }
tbody tr:hover td { background: var(--head); }
tr.bad td, tr.bad td:first-child { background: var(--bad); }
th button { all: unset; cursor: pointer; font-weight: 600; }
th button:focus-visible { outline: 2px solid var(--link); }
th[aria-sort=ascending] button::after { content: " \\25B2"; }
th[aria-sort=descending] button::after { content: " \\25BC"; }
img { max-width: 100%; height: auto; background: #fff; border-radius: 6px; padding: 4px; }
code { background: var(--head); padding: 0 .25em; border-radius: 3px; }
svg.front { width: 100%; height: auto; }
svg.front text { fill: var(--text); font: 12px system-ui, sans-serif; }
svg.front .title { font-weight: 600; }
svg.front .grid { stroke: var(--line); stroke-width: 1; }
"""

SCRIPT = """
for (const table of document.querySelectorAll("table")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.firstChild.addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "ascending";
    heads.forEach(other => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const key = row => row.cells[column].dataset.key;
    const rows = [...table.tBodies[0].rows].sort((a, b) => {
      const [x, y] = [key(a), key(b)], [i, j] = [Number(x), Number(y)];
      const numbers = x !== "" && y !== "" && !isNaN(i) && !isNaN(j);
      // What was not measured stays below.
      if ((x === "-" || x === "") !== (y === "-" || y === "")) return x === "-" || x === "" ? 1 : -1;
      return (numbers ? i - j : x.localeCompare(y)) * (down ? -1 : 1);
    });
    table.tBodies[0].append(...rows);
  }));
}
const root = document.documentElement;
document.getElementById("theme").addEventListener("click", () => {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
});
"""
