"""Every benchmark: the kill matrix, the checker against its peers, and the derivation engine.

    python -m benchmarks             all; writes benchmarks/results/
    python -m benchmarks --quick     the same with few repetitions; prints, writes nothing

Linear algebra runs on one thread, for every contestant alike.
"""

from __future__ import annotations

import argparse
import json
import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ[_name] = "1"


def main() -> int:
    """Run everything, write or print."""
    from benchmarks import (
        checkers,
        derivations,
        kill_matrix,
    )  # NumPy reads the setting above when it is imported

    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Run every benchmark.")
    parser.add_argument("--quick", action="store_true", help="small and rough; prints, writes nothing")
    quick = parser.parse_args().quick
    rows = kill_matrix.matrix()
    print(kill_matrix.table(rows))
    results = checkers.run(checkers.QUICK if quick else checkers.Settings())
    text = checkers.table(results)
    print(f"\n{text}")
    derived = derivations.run(rounds=3 if quick else 60)
    print(f"\n{derivations.table(derived)}")
    if not quick:
        checkers.write(results)
        derivations.OUTPUT.write_text(json.dumps(derived, indent=1) + "\n", encoding="utf-8")
        kill_matrix.OUTPUT.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
