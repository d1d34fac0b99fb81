#!/usr/bin/env python3
"""Runs the tests that redis-py brings along, as they are, against the server at
SANDERLING_TEST_HOST:SANDERLING_TEST_PORT, which is flushed.

    run.py [--protocol 2|3] [--update] [--list NAME] [TEST…]

The tests come with the source archive of the version below, which pip fetches once into the cache folder. What needs
modules, a cluster, sentinels or TLS is left out. A test that fails without standing in the list fails the run, and so
does one that stands there and passes. The list has a reason a test; `--update` rewrites it and keeps the reasons.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

VERSION = "5.3.1"
HERE = Path(__file__).resolve().parent
# What its tests are marked with is registered in a file that the archive leaves out.
MARKS = ["asyncio", "cp_integration", "experimental", "onlycluster", "onlynoncluster", "pipeline", "redismod", "replica", "ssl"]
LEFT_OUT = ["*bloom*", "*cluster*", "*graph*", "*json*", "*search*", "*sentinel*", "*ssl*", "*timeseries*"]
# Longer than any of them waits on purpose.
TEST_SECONDS_MAX = 60


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--protocol", type=int, choices=[2, 3], help="one version of RESP; both when it is left out")
    parser.add_argument("--update", action="store_true", help="rewrite the list")
    parser.add_argument("--list", default="failing.txt", help="the list, in this folder")
    parser.add_argument("tests", nargs="*", help="files or tests, such as tests/test_commands.py; all when none is named")
    options = parser.parse_args()
    folder, python = prepare()
    listed = read_list(HERE / options.list)
    protocols = [options.protocol] if options.protocol else [2, 3]
    outcomes, surprises = {}, []
    for protocol in protocols:
        results = run(folder, python, protocol, options.tests)
        doubtful = [test for test, passed in results.items() if not passed and test not in listed]
        if doubtful and len(doubtful) <= 40:
            # Some of the tests measure time, and the machine may have been busy: what passes now passes.
            results.update(run(folder, python, protocol, doubtful))
        failed = sorted(test for test, passed in results.items() if not passed)
        print(f"redis-py {VERSION}, RESP{protocol}: {len(results) - len(failed)} passed, {len(failed)} failed", flush=True)
        for test in failed:
            outcomes.setdefault(test, set()).add(protocol)
        surprises += [f"RESP{protocol}: {test} fails" for test in failed if test not in listed]
    if options.update:
        write_list(HERE / options.list, {test: listed.get(test, "not looked at yet") for test in outcomes})
        return 0
    if not options.tests and not options.protocol:
        surprises += [f"{test} passes, but is listed" for test in sorted(listed) if test not in outcomes]
    print("".join(f"  {surprise}\n" for surprise in surprises), end="")
    return 1 if surprises else 0


def prepare():
    """Returns the folder with the tests, and a Python that has what they import; both are made once."""
    cache = Path(os.environ.get("SANDERLING_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sanderling")
    needed = (HERE / "requirements.txt").read_text() + VERSION
    home = cache / f"redis-py-suite-{VERSION}-{hashlib.sha256(needed.encode()).hexdigest()[:8]}"
    folder, python = home / f"redis-{VERSION}", home / "venv/bin/python"
    if not (home / "complete").exists():
        print(f"redis-py-suite: fetching redis-py {VERSION} and what its tests import into {home}", flush=True)
        shutil.rmtree(home, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", home / "venv"], check=True)
        pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "download", "--no-deps", "--no-binary", "redis", "--dest", home, f"redis=={VERSION}"], check=True)
        with tarfile.open(home / f"redis-{VERSION}.tar.gz") as archive:
            archive.extractall(home, filter="data")
        subprocess.run([*pip, "install", "--requirement", HERE / "requirements.txt", folder], check=True)
        marks = "".join(f"    {mark}: see redis-py\n" for mark in MARKS)
        (folder / "pytest.ini").write_text(f"[pytest]\nasyncio_mode = auto\nmarkers =\n{marks}")
        (home / "complete").touch()
    return folder, python


def run(folder, python, protocol, tests):
    """Runs tests and returns whether each passed; those that were skipped are left out."""
    report = folder / f"report-{protocol}.xml"
    report.unlink(missing_ok=True)
    address = f"redis://{os.environ['SANDERLING_TEST_HOST']}:{os.environ['SANDERLING_TEST_PORT']}/0"
    command = [python, "-m", "pytest", "--quiet", "--tb=line", "-p", "no:cacheprovider", f"--redis-url={address}"]
    command += [f"--protocol={protocol}", f"--timeout={TEST_SECONDS_MAX}", f"--junitxml={report}"]
    command += ["-m", "not onlycluster and not redismod and not ssl and not cp_integration"]
    command += [f"--ignore-glob={glob}" for glob in LEFT_OUT]
    with open(folder / f"log-{protocol}.txt", "w") as log:
        status = subprocess.run([*command, *tests], cwd=folder, stdout=log, stderr=subprocess.STDOUT).returncode
    # 0: all passed; 1: some failed. Anything else means that tests could not even be found or run.
    if status not in (0, 1) or not report.exists():
        sys.exit(f"pytest ended with {status}: see {folder}/log-{protocol}.txt")
    results = {}
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        if case.find("skipped") is not None:
            continue
        failed = case.find("failure") is not None or case.find("error") is not None
        # A test may have several entries, one for each of its parts that fails.
        results[name(case)] = results.get(name(case), True) and not failed
    return results


def name(case):
    """Returns how pytest calls a test: its file, its class and itself."""
    parts = case.get("classname").split(".")
    file_parts = [part for part in parts if not re.match("Test[A-Z]", part)]
    return "::".join(["/".join(file_parts) + ".py", *parts[len(file_parts):], case.get("name")])


def read_list(path):
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")] if path.exists() else []
    pairs = [line.split("\t") for line in lines]
    return {test: reason for reason, test in pairs}


def write_list(path, listed):
    head = [line for line in path.read_text().splitlines() if line.startswith("#")] if path.exists() else []
    path.write_text("\n".join([*head, "", *sorted(f"{reason}\t{test}" for test, reason in listed.items()), ""]))


if __name__ == "__main__":
    sys.exit(main())
