"""A colour means the same wherever it is."""

from __future__ import annotations

import io
from base64 import b64decode

import numpy as np
import PIL.Image

from sureflow_client import Trajectory
from sureflow_studio.colours import shade
from sureflow_studio.pictures import overlay
from sureflow_studio.profile import profile


def test_what_is_unsure_on_a_card_is_unsure_on_a_map_and_on_a_curve() -> None:
    drawn = PIL.Image.open(
        io.BytesIO(b64decode(overlay(np.eye(2, dtype=np.float32)).split(",")[1]))
    )
    pixels = np.asarray(drawn)
    assert pixels[0, 0, 3] > pixels[0, 1, 3] == 0
    assert "#" + pixels[0, 0, :3].tobytes().hex() == shade(0.0)
    views = [{"step": i, "t": i / 2, "rate": 1.0, "uncertainty": 0.0} for i in range(3)]
    trajectory = Trajectory.model_validate(
        {"handle": "h", "media_type": "", "shape": [2], "views": views, "evaluations": 0}
    )
    (curve,) = profile(trajectory, (), 0)["series"]
    assert curve["itemStyle"]["color"] == shade(0.0)
