"""What is published: a wheel that runs where there is no checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import httpx

from tests.harness import DevServer

ROOT = Path(__file__).parents[2]
APP = """
import devserver

HTML = [(b"content-type", b"text/html")]

async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": HTML})
        await send({"type": "http.response.body", "body": devserver.__file__.encode()})
"""


def test_a_built_wheel_serves_and_refreshes_pages_outside_of_a_checkout(tmp_path: Path) -> None:
    """Everything that it needs beside Python files is in it: marks of types, the script for browsers."""
    tmp_path = tmp_path.resolve()
    wheels, installed, project = (tmp_path / name for name in ("wheels", "installed", "project"))
    project.mkdir()
    (project / "main.py").write_text(APP)
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", wheels, ROOT], check=True, timeout=110, cwd=tmp_path)
    [wheel] = wheels.iterdir()
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"devserver/py.typed", "devserver/master/http/refresh/refresh.js"} <= names
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/", "sample_app/"))]
    subprocess.run([*pip, "install", "--no-deps", "-t", installed, wheel], check=True, timeout=110)
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(installed)!r})\n{RUN}"]
    server = DevServer(project, target="main.py", command=command)
    try:
        server.wait("rolled")
        url = f"http://127.0.0.1:{server.http_port}"
        page = httpx.get(url, headers={"sec-fetch-dest": "document", "sec-fetch-mode": "navigate"})
        assert os.path.join(str(installed), "devserver") in page.text
        assert "/__devserver__/refresh.js" in page.text
        assert httpx.get(f"{url}/__devserver__/refresh.js").status_code == 200
        assert server.stop() == 0
    finally:
        server.clean_up()


RUN = "import os; os.environ['PYTHONPATH'] = sys.path[0]\nfrom devserver.cli import main; sys.exit(main())"
