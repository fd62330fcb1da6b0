"""Draws the live view of a run, as it was after a share of its facts.

python docs/live_svg.py RUN SHARE FILE.svg
"""

import io
import re
import sys
from pathlib import Path

from rich.console import Console

from tune_jobs import Run
from tune_jobs.runs.journal import read
from tune_jobs.views.progress import LiveProgress

name, share, path = sys.argv[1:]
run = Run.open(name)
facts = list(read(run.folder.journal))
facts = facts[: round(float(share) * len(facts))]
screen = Console(record=True, width=100, height=26, file=io.StringIO())
view = LiveProgress(run.declared, screen, began=facts[0].time)
view.on_fact(facts[-1], run.declared.state(facts))
view.close()
screen.print(view.frame())
drawn = screen.export_svg(title=f"tune-jobs run {run.declared.name} --name {run.name}")
Path(path).write_text(re.sub(r"@font-face {.*?}\s*", "", drawn, flags=re.DOTALL))
