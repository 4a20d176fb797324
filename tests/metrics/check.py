"""Holds the dashboard and the alerts to the figures that a server really tells.

check.py names ROOT PAGE       every metric that they and docs/operations.md
                               name is on the page, and every figure of the page
                               is in docs/operations.md
check.py queries ROOT ADDRESS  a Prometheus that has scraped a server answers
                               each of their expressions, and with something
                               where something must be
"""

import json
import pathlib
import re
import sys
import time
import urllib.parse
import urllib.request

NAME = re.compile(r"\b(?:nanokv|process)_[a-z_]+\b")
# What Prometheus makes of a histogram.
PARTS = ("_bucket", "_sum", "_count")
# How often an expression is asked until it has something to say.
LOOKS = 60


def dashboard(root):
    """Title and expression of each target."""
    board = json.loads((root / "deploy/grafana/nanokv.json").read_text())
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]


def alerts(root):
    """The names that stand in the alerts; promtool has read them before."""
    text = (root / "deploy/prometheus/alerts.yml").read_text()
    alert = ""
    for line in text.splitlines():
        alert = (re.findall(r"- alert: (\w+)", line) or [alert])[0]
        yield alert, line.split("#")[0]


def told(page):
    """The name of every series on a page, and of every figure."""
    series, figures = set(), set()
    for line in page.splitlines():
        if line.startswith("# TYPE "):
            figures.add(line.split()[2])
        elif line and not line.startswith("#"):
            series.add(re.match(r"\w+", line)[0])
    return series, figures


def names(root, page):
    series, figures = told(pathlib.Path(page).read_text())
    faults, used = [], 0
    for where, text in [*dashboard(root), *alerts(root)]:
        for name in NAME.findall(text):
            used += 1
            if name not in series:
                faults.append(f"{where}: no server tells {name}")
    manual = (root / "docs/operations.md").read_text()
    faults += [f"docs/operations.md says nothing of {name}" for name in sorted(figures) if f"`{name}`" not in manual]
    faults += [f"docs/operations.md: no server tells {name}" for name in sorted(set(NAME.findall(manual)) - series - figures)]
    known = {alert for alert, _ in alerts(root) if alert}
    faults += [f"docs/operations.md says nothing of {name}" for name in sorted(known) if f"`{name}`" not in manual]
    assert used > 60 and len(figures) > 30 and len(known) > 10, (used, len(figures), len(known))
    return faults, f"{used} names in use, {len(figures)} figures, {len(known)} alerts"


def ask(address, expression):
    query = urllib.parse.urlencode({"query": expression})
    with urllib.request.urlopen(f"http://{address}/api/v1/query?{query}", timeout=30) as answer:
        return json.load(answer)["data"]["result"]


def queries(root, address):
    faults, asked = [], 0
    for title, expression in dashboard(root):
        expression = expression.replace("$__rate_interval", "1m").replace("$instance", ".*")
        asked += 1
        for _ in range(LOOKS):
            if ask(address, expression):
                break
            time.sleep(1)
        else:
            faults.append(f"{title}: nothing for {expression}")
    with urllib.request.urlopen(f"http://{address}/api/v1/rules", timeout=30) as answer:
        groups = json.load(answer)["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    faults += [f"{rule['name']}: {rule['lastError']}" for rule in rules if rule["health"] == "err"]
    faults += [f"{rule['name']} fires on a server that is well" for rule in rules if rule["state"] == "firing"]
    assert asked > 30 and len(rules) > 10, (asked, len(rules))
    return faults, f"{asked} expressions, {len(rules)} rules"


def main():
    command, root, argument = sys.argv[1:]
    check = {"names": names, "queries": queries}[command]
    faults, counted = check(pathlib.Path(root), argument)
    for fault in faults:
        print(f"metrics {command}: {fault}")
    print(f"metrics {command}: {counted}, {len(faults)} faults")
    sys.exit(1 if faults else 0)


main()
