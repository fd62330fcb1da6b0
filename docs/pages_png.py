"""Takes the pictures of the report and of the dashboard, with headless Chromium.

python docs/pages_png.py RUN FOLDER
"""

import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from PIL import Image

from tune_jobs.runs.folder import RunFolder
from tune_jobs.views.pages.dashboard import server
from tune_jobs.views.pages.report import write_report

WIDTH = 1100  # pixels of the screen; the picture has half of them


def picture(address: str, height: int, path: Path) -> None:
    with tempfile.TemporaryDirectory() as place:
        screen = Path(place) / "screen.png"
        size = f"--window-size={WIDTH},{height}"
        flags = ["--headless", "--no-sandbox", "--hide-scrollbars", "--virtual-time-budget=15000"]
        command = ["chromium", *flags, size, f"--screenshot={screen}", address]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        image = Image.open(screen).convert("RGB").resize((WIDTH // 2, height // 2))
        image.quantize(64).save(path, optimize=True)


run, place = RunFolder(Path(sys.argv[1]).resolve()), Path(sys.argv[2])
picture(write_report(run).as_uri(), 2200, place / "report.png")
with server(lambda: [run], 0) as serving:
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{serving.server_port}/dashboard/studies/0"
    picture(address, 2200, place / "dashboard.png")
    serving.shutdown()
