"""Measures the rows that are asked for, and writes docs/benchmarks.md of all."""

import argparse
import json
import time
from dataclasses import asdict
from datetime import datetime, timezone

import programs
from row import Plan, Source
from table import ROWS

RESULTS = programs.WORK / "results.json"
QUICK = Plan(rounds=3, seconds=0.5, keys=1_000_000, expiring=200_000, idle=1000)


def main():
    names = [row.name for row in ROWS]
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"one of {', '.join(names)} [all, and the page is written]")
    parser.add_argument("--quick", action="store_true", help="under three minutes: smaller and shorter; writes no page")
    parser.add_argument("--rounds", type=int, help="rounds of each measurement")
    parser.add_argument("--write", action="store_true", help="write the page also when only some rows were measured")
    parser.add_argument("--list", action="store_true", help="the names of the rows")
    typed = parser.parse_args()
    if typed.list:
        print("\n".join(f"{row.name:16}{row.what}" for row in ROWS))
        return
    if unknown := set(typed.rows) - set(names):
        parser.error(f"no row {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    plan = QUICK if typed.quick else Plan()
    plan.rounds = typed.rounds or plan.rounds
    chosen = [row for row in ROWS if (row.name in typed.rows if typed.rows else row.quick or not typed.quick)]
    programs.raise_open_files()
    results, failed = measure(chosen, plan)
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    if not typed.quick:
        kept.update(results)
        RESULTS.write_text(json.dumps(kept, indent=1))
        if typed.write or not typed.rows:
            import report

            report.write(kept)
            print(f"\nwrote {report.PAGE.relative_to(programs.ROOT)}")
    if failed:
        raise SystemExit(f"scripts/bench: not measured: {', '.join(failed)}")


def measure(chosen, plan):
    """Each row for itself: one that cannot be measured does not stop the others."""
    results, failed = {}, []
    source = Source(programs.commit(), f"{datetime.now(timezone.utc):%Y-%m-%d}", plan.rounds, plan.seconds)
    for row in chosen:
        began = time.monotonic()
        try:
            result = row.measure(plan)
            result.source = source
        except (SystemExit, OSError, KeyError, ValueError, AttributeError, ZeroDivisionError) as error:
            print(f"{row.name}: {error}", flush=True)
            failed.append(row.name)
            continue
        finally:
            programs.stop_all()
        results[row.name] = asdict(result)
        print(line(row, result, time.monotonic() - began), flush=True)
    return results, failed


def line(row, result, took):
    head = f"{row.name:15}"
    if result.value is not None:
        head += f" {result.value:8.2f}{row.unit}"
    if row.goal is not None:
        head += f" (goal {row.goal}, beyond {row.beyond}: {row.reached(result.value)})"
    return f"{head} [{took:.0f} s] {result.detail}"


if __name__ == "__main__":
    main()
