"""The command: ``python -m tests.house [CHECKOUT]``."""

from __future__ import annotations

import argparse
from pathlib import Path

from tests import house as package
from tests.house.rules import OneWay
from tests.house.sureflow import HERE, RULES, house


def main(arguments: list[str] | None = None) -> int:
    """Print what breaks each rule, and how much of it there is; 1 if anything does."""
    parser = argparse.ArgumentParser(description=package.__doc__)
    parser.add_argument("checkout", nargs="?", type=Path, default=HERE, help="default: this one")
    parser.add_argument("--rule", choices=RULES, action="append", help="only this one")
    parser.add_argument("--counts", action="store_true", help="only how much of it there is")
    options = parser.parse_args(arguments)
    tree = house(options.checkout)
    broken = 0
    for name in options.rule or RULES:
        rule = RULES[name]
        offenders = rule.offenders(tree)
        broken += len(offenders)
        print(f"{len(offenders):>4}  {name}: {rule.says}")
        if isinstance(rule, OneWay):
            for arrow, count in rule.arrows(tree).items():
                print(f"      {count:>4}  {arrow}")
        if not options.counts:
            for offender in offenders:
                print("      " + offender.replace("\n", "\n      "))
    print(f"{broken} in {len(tree.modules)} modules with {len(tree.imports)} imports")
    return int(broken > 0)


if __name__ == "__main__":
    raise SystemExit(main())
