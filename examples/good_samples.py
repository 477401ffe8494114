"""Ask for n good samples, with a bound on how many of them are bad.

Needs a server, ``sureflow serve``; run ``python examples/good_samples.py``. It takes seconds.

The model ``digits`` was shown to somebody else's reader of digits, which said of every draw whether
it can be read as its label (``sureflow calibrate digits --judge``). From this the server knows down
to which confidence it may accept. The bound is one over all classes in equal shares, so as many are
asked for of each.
"""

from __future__ import annotations

import argparse
import asyncio

from sureflow_client import AsyncClient, Sample, sheet


async def main() -> None:
    """Show what is certified, ask for samples, count what they cost, save a sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="Where the server listens.")
    parser.add_argument("--each", type=int, default=2, help="How many good samples of each digit.")
    parser.add_argument("--rate", type=float, default=0.01, help="Most of them that may be bad.")
    parser.add_argument("--seed", type=int, default=7, help="Same seed, same samples.")
    parser.add_argument("--sheet", default="good.png", help="Where the picture goes.")
    arguments = parser.parse_args()

    async with AsyncClient(arguments.url) as client:
        card = await client.model("digits")
        judged = (card.calibrated or {})["conformal"]
        print(f"{judged['judge']} called {judged['bad_rate']:.2%} of {judged['draws']} draws bad")

        # Choose the rate by what your users can bear, not by what the table makes look good.
        results = await asyncio.gather(
            *(
                client.generate(
                    "digits",
                    seed=arguments.seed,
                    label=label,
                    filter={
                        "max_bad_rate": arguments.rate,
                        "accept": arguments.each,
                        "action": "regenerate",
                    },
                )
                for label in card.classes or ()
            )
        )

    made: list[Sample] = [sample for result in results for sample in result]
    good = [sample for sample in made if sample.accepted]
    threshold = good[0].decision.threshold if good[0].decision else None
    print(f"{len(good)} of {len(made)} accepted, at a confidence of {threshold} or above:")
    print(f"at most {arguments.rate:.1%} of such samples are bad, certified at 90 %")
    print(f"{sum(sample.evaluations for sample in made)} evaluations")
    sheet(good, columns=arguments.each).save(arguments.sheet)


if __name__ == "__main__":
    asyncio.run(main())
