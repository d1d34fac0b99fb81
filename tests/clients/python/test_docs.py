"""The Python on a page of the documentation, run as it stands: it prints what the page says."""

import os
import re
import subprocess
import sys
from pathlib import Path

from conftest import HOST, PORT

PAGE = Path(__file__).parents[3] / "www/docs/events.md"
# A program, and what it prints if that follows.
BLOCKS = re.compile(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```\n)?", re.S)


def test_the_event_pipeline(r):
    programs, printed = zip(*BLOCKS.findall(PAGE.read_text()))
    assert len(programs) > 3
    environment = {**os.environ, "REDIS_URL": f"redis://{HOST}:{PORT}"}
    command = [sys.executable, "-c", "".join(programs)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert ended.stderr == ""
    assert ended.stdout == "".join(printed)
