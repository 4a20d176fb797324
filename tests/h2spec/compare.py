"""Compares reports of h2spec: of bare hyper, and of the server in the clear and
through TLS. Ends with 1 where the server fails what hyper alone passes.

There may be several reports of the server, and a case is passed that is passed
in one of them. It answers a request that needs no body before that has ended,
as RFC 9113, 8.1 allows; where the answer is on its way before the frame that is
wrong, that frame meets a stream that is closed, and h2spec an answer that it did
not look for. A case that the server does wrong fails each time."""

import re
import sys
import xml.etree.ElementTree as xml

# Fewer are no run of all of them.
CASES_MIN = 140


def outcomes(path):
    """What came of each case: passed, failed or skipped."""
    cases = {}
    for suite in xml.parse(path).getroot().iter("testsuite"):
        for number, case in enumerate(suite.iter("testcase"), 1):
            name = (case.get("package") or suite.get("package") or suite.get("name"), number, case.get("classname"))
            if case.find("failure") is not None or case.find("error") is not None:
                cases[name] = "failed"
            elif case.find("skipped") is not None:
                cases[name] = "skipped"
            else:
                cases[name] = "passed"
    return cases


def best(reports):
    """Of each case what came of it at best; all have the same cases."""
    assert len({frozenset(report) for report in reports}) == 1, "other cases from run to run"
    order = ["passed", "skipped", "failed"]
    return {case: min((report[case] for report in reports), key=order.index) for case in reports[0]}


def main(hyper, *ours):
    alone = outcomes(hyper)
    assert len(alone) >= CASES_MIN, f"only {len(alone)} cases were run"
    reports = {}
    for path in ours:
        name = re.fullmatch(r"(?:.*/)?([a-z]+)-\d+\.xml", path).group(1)
        reports.setdefault(name, []).append(outcomes(path))
    reports = {name: best(some) for name, some in reports.items()}
    worse = 0
    print("| | passed | skipped | failed |\n|---|---|---|---|")
    for name, report in {"bare hyper": alone, **reports}.items():
        assert report.keys() == alone.keys(), f"other cases with {name}"
        counts = [list(report.values()).count(outcome) for outcome in ("passed", "skipped", "failed")]
        print(f"| {name} | {counts[0]} | {counts[1]} | {counts[2]} |")
    print(f"\n| what is not passed by all | bare hyper | {' | '.join(reports)} |\n|---|---|{'---|' * len(reports)}")
    for case, outcome in alone.items():
        row = [outcome] + [report[case] for report in reports.values()]
        if set(row) != {"passed"}:
            print(f"| {case[0]} {case[1]}: {case[2]} | {' | '.join(row)} |")
        worse += sum(outcome == "passed" and other != "passed" for other in row[1:])
    print(f"\nh2spec: {len(alone)} cases, {worse} worse than bare hyper")
    return 1 if worse else 0


sys.exit(main(*sys.argv[1:]))
