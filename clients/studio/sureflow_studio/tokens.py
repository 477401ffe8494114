"""A sequence as a line of its tokens, each underlined by how sure the model was of it.

A sure token has a thin line of the colour of what is sure; an unsure one a thick dotted line of the
colour of what is unsure.
"""

from __future__ import annotations

from html import escape

import numpy as np
import numpy.typing as npt

from .colours import shade
from .pictures import Floats

END, UNKNOWN = 0, 0xFFFD
"""Code points of what is beyond the end of a sequence, and of a token that is not known yet."""

HOLE, BLANK = "·", "␣"
"""Stand for a token that is not known, and for a space."""

DOUBTFUL = 1 / 3
"""How sure a token is at which the model had three equal choices; below that it is unsure."""

Codes = npt.NDArray[np.int64]


def strip(codes: Codes, sure: Floats | None = None, likely: Codes | None = None) -> str:
    """Return a sequence as HTML.

    Args:
        codes: Code points ``[length]``.
        sure: How sure each token is, in (0, 1]: the inverse of the number of equal choices that
            would leave as much open; ``None`` where nobody knows.
        likely: What is written, faint, in place of tokens that are not known.
    """
    spans = []
    for place, code in enumerate(shown(codes).tolist()):
        known, kinds, style, title = code != UNKNOWN, ["token"], "", ""
        guess = END if likely is None else int(likely[place])
        if not known:
            kinds.append("token-hole")
            title = "not known yet"
        if sure is not None:
            share = float(sure[place])
            style = f' style="border-color:{shade(share)}"'
            if share < DOUBTFUL:
                kinds.append("token-unsure")
            title = f"{title + ': ' if title else ''}as open as {1 / share:.1f} equal choices"
        text = character(code) if known else character(guess) if guess != END else HOLE
        told = f' title="{title}"' if title else ""
        spans.append(f'<span class="{" ".join(kinds)}"{style}{told}>{escape(text)}</span>')
    words = escape(spoken(codes, sure), quote=True)
    return f'<div class="tokens mono" role="img" aria-label="{words}">{"".join(spans)}</div>'


def shown(codes: Codes) -> Codes:
    """Return the code points up to the last that is no end; those that are not known count."""
    (known,) = np.nonzero(codes != END)
    found: Codes = codes[: known[-1] + 1] if len(known) else codes[:0]
    return found


def spoken(codes: Codes, sure: Floats | None) -> str:
    """Return a sequence in words: its text, and which tokens the model was unsure of."""
    there = shown(codes)
    unknown = int((there == UNKNOWN).sum())
    text = "".join(HOLE if code == UNKNOWN else chr(code) for code in there.tolist())
    words = [text or "empty"]
    if unknown:
        words.append(f"{unknown} of {len(there)} tokens not known yet")
    if sure is not None:
        places = [
            f"{character(int(code))} at {place + 1}"
            for place, code in enumerate(there.tolist())
            if code not in (END, UNKNOWN) and sure[place] < DOUBTFUL
        ]
        words.append(f"unsure: {', '.join(places)}" if places else "no token unsure")
    return "; ".join(words)


def character(code: int) -> str:
    """Return what is written of a code point; an end within a sequence is an empty place."""
    return BLANK if chr(code).isspace() else chr(code) if code != END else "∎"


def sureness(entropy: Floats) -> Floats:
    """Return how sure tokens are by the entropy of what they were drawn from, in nats."""
    found: Floats = np.exp(-np.maximum(np.nan_to_num(entropy), 0)).astype(np.float32)
    return found


def drawn_from(states: Floats, maps: Floats) -> Floats:
    """Return the entropy that each token of a trajectory was drawn from.

    Args:
        states: Code points of the states ``[n, length]``, in the order of time.
        maps: Entropy of what was open then, likewise.

    Returns:
        ``[length]``, in nats: at the last time at which it was not known; 0 if it always was.
    """
    found = np.zeros(states.shape[1], np.float32)
    for state, map in zip(states, maps, strict=True):
        open = state == UNKNOWN
        found[open] = map[open]
    return found
