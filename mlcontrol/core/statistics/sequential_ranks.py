"""The robust always-valid comparison: the candidate's rank among baseline replicas of the same size, bucket by bucket.

A noise that belongs to an arm (bursts, a noisy neighbour) breaks every test that takes requests as independent. Ranks among
replicas that suffer the same noise do not care: under equality the candidate's rank is uniform whatever the noise is, as long as
buckets are longer than the noise remembers itself.
"""

from __future__ import annotations

from math import log

import numpy as np
from numpy.typing import NDArray

from mlcontrol.core.statistics.sequential import Floats, average_log_e

STRENGTHS = (0.1, 0.2, 0.4, 0.8, 1.6)
LEAST_BUCKETS_FOR_MEMORY = 12


def ranks(candidate: Floats, baselines: Floats, tie_breaks: Floats) -> NDArray[np.int64]:
    """How many of the baselines lie below the candidate in each bucket, 0..K; ties are broken by chance.

    ``candidate``: shape (buckets,); ``baselines``: (K, buckets); ``tie_breaks``: uniform in [0, 1), shape (buckets,).
    """
    below = (baselines < candidate).sum(axis=0)
    tied = (baselines == candidate).sum(axis=0)
    placed: NDArray[np.int64] = (below + np.floor(tie_breaks * (tied + 1))).astype(np.int64)
    return placed


def log_e_ranks(rank: NDArray[np.int64], baselines: int) -> Floats:
    """ln E after each bucket against "the candidate's rank is uniform", growing when it ranks high (0..``baselines``)."""
    if baselines < 1:
        raise ValueError("a rank needs at least one baseline replica")
    terms = []
    for strength in STRENGTHS:
        expected = np.exp(strength * np.arange(baselines + 1) / baselines).mean()
        terms.append(np.cumsum(strength * rank / baselines - log(expected), axis=-1))
    return average_log_e(*terms)


def memory_buckets(values: Floats) -> float | None:
    """How many buckets a replica's noise remembers itself, (1 + r) / (1 - r) / 2 with r the lag-one correlation; `None`: too few.

    ``values``: (K, buckets) of the baseline replicas; their common course is taken out first. Buckets must be at least three
    times as long as this, else nothing can be decided yet.
    """
    if values.shape[-1] < LEAST_BUCKETS_FOR_MEMORY:
        return None
    own = values - values.mean(axis=0) if values.shape[0] > 1 else values
    own = own - own.mean(axis=-1, keepdims=True)
    spread = float((own**2).sum())
    if spread == 0.0:
        return 0.5
    lagged = float((own[..., 1:] * own[..., :-1]).sum()) / spread
    r = min(0.99, max(0.0, lagged))
    return 0.5 * (1.0 + r) / (1.0 - r)
