"""NUTS of blackjax on the same posterior; run by a Python that has it, since we have not.

``PYTHON benchmarks/annealed/peer.py WEIGHTS CHAINS DRAWS WARMUP SEED`` prints JSON.
"""

from __future__ import annotations

import json
import sys
import time
from importlib import import_module
from typing import Any

import numpy as np


def main(weights: str, chains: int, draws: int, warmup: int, seed: int) -> dict[str, Any]:
    """Warm up each chain by window adaptation, draw, and count gradients of the density."""
    jax: Any = import_module("jax")
    blackjax: Any = import_module("blackjax")
    load: Any = import_module("safetensors.numpy").load_file
    jax.config.update("jax_enable_x64", True)
    jnp = jax.numpy
    data = load(weights)
    inputs, labels = jnp.array(data["energy.inputs"]), jnp.array(data["energy.labels"])

    def density(x: Any) -> Any:
        logits = x[0] + inputs @ x[1:]
        likelihood = (labels * logits - jnp.logaddexp(0.0, logits)).sum()
        return likelihood - (x * x).sum() / 2

    size = inputs.shape[1] + 1
    adaptation = blackjax.window_adaptation(blackjax.nuts, density)

    def chain(key: Any) -> Any:
        first, second, third = jax.random.split(key, 3)
        start = jax.random.normal(first, (size,))
        (state, parameters), info = adaptation.run(second, start, num_steps=warmup)
        step = blackjax.nuts(density, **parameters).step

        def one(state: Any, key: Any) -> Any:
            state, told = step(key, state)
            return state, (state.position, told.num_integration_steps)

        _, (positions, counts) = jax.lax.scan(one, state, jax.random.split(third, draws))
        return positions, counts.sum(), info.info.num_integration_steps.sum()

    run = jax.jit(lambda keys: jax.lax.map(chain, keys))
    keys = jax.random.split(jax.random.PRNGKey(seed), chains)
    run(keys)[0].block_until_ready()  # compiled
    begun = time.perf_counter()
    positions, counts, before = run(keys)
    positions.block_until_ready()
    seconds = time.perf_counter() - begun
    ess = blackjax.diagnostics.effective_sample_size(positions)
    found = np.asarray(positions).reshape(-1, size)
    return {
        "seconds": seconds,
        "evaluations": int(counts.sum()),
        "warmup_evaluations": int(before.sum()),
        "ess_least": float(np.min(ess)),
        "ess_median": float(np.median(ess)),
        "mean": found.mean(0).tolist(),
        "deviation": found.std(0).tolist(),
        "draws": len(found),
    }


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], *map(int, sys.argv[2:6]))))
