"""One self-contained HTML file: it opens offline, and plotly's library is in it, compressed."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from plotly.graph_objects import Figure
from plotly.offline import get_plotlyjs

from tune_jobs.views import texts

WIDEST = 1100  # pixels


class Page:
    """Text, tables and figures, one below the other.

    Every text may have any characters; it is shown as it is.
    """

    def __init__(self, title: str, words: str = "") -> None:
        self.title = title
        self._body = [f"<h1>{escape(title)}</h1>", f"<p class=words>{escape(words)}</p>"]
        self._figures: dict[str, Any] = {}

    def section(self, title: str, words: str = "") -> None:
        self._body.append(f"<h2>{escape(title)}</h2>")
        self.text(words)

    def text(self, words: str, kind: str = "") -> None:
        if words:
            self._body.append(f'<p class="{kind}">{escape(words)}</p>')

    def numbers(self, named: Mapping[str, Any]) -> None:
        """A few values that matter, in large type."""
        cells = (
            f"<div><b>{escape(texts.number(value))}</b><span>{escape(name)}</span></div>"
            for name, value in named.items()
        )
        self._body.append(f"<div class=numbers>{''.join(cells)}</div>")

    def table(self, titles: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        head = "".join(f"<th>{escape(title)}</th>" for title in titles)
        body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
        self._body.append(f"<div class=wide><table><tr>{head}</tr>{body}</table></div>")

    def folded(self, title: str, text: str) -> None:
        """A long text that opens with a click."""
        self._body.append(
            f"<details><summary>{escape(title)}</summary><pre>{escape(text)}</pre></details>"
        )

    def code(self, text: str) -> None:
        self._body.append(f"<pre>{escape(text)}</pre>")

    def figures(self, *figures: Figure, least: int = 0) -> None:
        """Side by side where there is room; each scrolls if it is wider than a small screen.
        ``least`` is its least width in pixels."""
        cells = []
        for figure in figures:
            name = f"figure-{len(self._figures)}"
            drawn = json.loads(figure.to_json())
            drawn["layout"].pop("template", None)  # the page has its own colours
            height = drawn["layout"].get("height") or 360
            self._figures[name] = drawn
            cells.append(
                f'<div class=wide><div id={name} class=figure style="height:{height}px;'
                f'min-width:{least}px"></div></div>'
            )
        self._body.append(f"<div class=figures>{''.join(cells)}</div>")

    def write(self, path: Path) -> None:
        """All of it or nothing."""
        unfinished = path.with_name(f".{path.name}")
        text = _FRAME.format(
            title=escape(self.title),
            style=_STYLE.replace("WIDEST", str(WIDEST)),
            body="\n".join(self._body),
            figures=json.dumps(self._figures, separators=(",", ":")).replace("<", "\\u003c"),
            library=_packed_library(),
            script=_SCRIPT,
        )
        unfinished.write_text(text, encoding="utf-8", errors="backslashreplace")
        unfinished.replace(path)


def _cell(value: Any) -> str:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    shown = "" if value is None else texts.number(value)
    return f"<td{' class=n' if is_number else ''}>{escape(shown)}</td>"


@cache
def _packed_library() -> str:
    packed = gzip.compress(get_plotlyjs().encode(), compresslevel=6, mtime=0)
    return base64.b64encode(packed).decode()


_STYLE = """
:root { color-scheme: light dark; --ink: #1d2330; --dim: #5d6675; --paper: #ffffff;
  --line: #e1e5eb; --soft: #f4f6f9; --warn: #9a3412; --warnback: #fff4ec; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ef; --dim: #98a2b3; --paper: #14171d;
  --line: #2c323d; --soft: #1d222b; --warn: #fdba74; --warnback: #2e2118; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: WIDESTpx; padding: 24px 20px 60px; background: var(--paper);
  color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; }
h1 { font-size: 26px; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 19px; margin: 36px 0 4px; padding-top: 12px; border-top: 1px solid var(--line); }
p { margin: 6px 0; color: var(--dim); max-width: 80ch; overflow-wrap: anywhere; }
p.plain { color: var(--ink); }
p.warn { color: var(--warn); background: var(--warnback); padding: 8px 12px; border-radius: 6px; }
.wide { overflow-x: auto; min-width: 0; }
table { border-collapse: collapse; margin: 10px 0; font-size: 14px; }
th, td { text-align: left; padding: 4px 14px 4px 0; border-bottom: 1px solid var(--line);
  vertical-align: top; white-space: nowrap; }
td:last-child { white-space: normal; min-width: 16em; }
th { color: var(--dim); font-weight: 600; }
td.n { font-variant-numeric: tabular-nums; }
pre { background: var(--soft); padding: 10px 12px; border-radius: 6px; overflow-x: auto;
  font-size: 13px; margin: 8px 0; }
summary { cursor: pointer; overflow-wrap: anywhere; }
.numbers { display: flex; flex-wrap: wrap; gap: 12px; margin: 14px 0; }
.numbers div { background: var(--soft); border-radius: 8px; padding: 10px 16px; min-width: 120px; }
.numbers b { display: block; font-size: 21px; overflow-wrap: anywhere; }
.numbers span { color: var(--dim); font-size: 13px; }
.figures { display: grid; gap: 16px; margin-top: 8px;
  grid-template-columns: repeat(auto-fit, minmax(min(430px, 100%), 1fr)); }
@media print { details { display: block; } }
"""

_SCRIPT = """
const figures = JSON.parse(document.getElementById("figures").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");

function dressed(layout) {
  const ink = getComputedStyle(document.documentElement).getPropertyValue("--ink").trim();
  const line = getComputedStyle(document.documentElement).getPropertyValue("--line").trim();
  const all = {...layout, autosize: true, paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)", font: {...layout.font, color: ink, size: 12}};
  all.margin = {l: 60, r: 16, t: 24, b: 48, ...layout.margin};
  all.legend = {orientation: "h", y: 1.02, yanchor: "bottom", x: 0, ...layout.legend};
  if (!Object.keys(all).some(name => /^[xy]axis/.test(name))) { all.xaxis = {}; all.yaxis = {}; }
  for (const name of Object.keys(all).filter(name => /^[xy]axis/.test(name)))
    all[name] = {...all[name], gridcolor: line, zerolinecolor: line, linecolor: line,
      automargin: true};
  return all;
}

function draw() {
  for (const [name, figure] of Object.entries(figures))
    Plotly.react(name, figure.data, dressed(figure.layout),
      {responsive: true, displayModeBar: false});
  document.documentElement.dataset.drawn = "yes";
}

async function start() {
  const packed = document.getElementById("library").textContent.trim();
  const bytes = Uint8Array.from(atob(packed), c => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = document.createElement("script");
  script.textContent = await new Response(stream).text();
  document.head.append(script);
  draw();
  dark.addEventListener("change", draw);
}

if (Object.keys(figures).length) start().catch(error => {
  const told = document.createElement("p");
  told.className = "warn";
  told.textContent = "The figures need a browser of 2023 or later: " + error;
  document.querySelector("h1").after(told);
});
"""

_FRAME = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{title}</title><style>{style}</style></head>
<body>
{body}
<noscript><p class="warn">A script draws the figures; it is off.</p></noscript>
<script type="application/json" id="figures">{figures}</script>
<script type="text/plain" id="library">{library}</script>
<script>{script}</script>
</body></html>
"""
