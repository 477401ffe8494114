"""Full collections leave what was there at the start alone."""

import gc
import weakref

from sureflow_server.garbage import freeze_garbage


class Ring:
    """Holds itself."""

    def __init__(self) -> None:
        self.itself = self


def test_what_has_settled_is_walked_through_no_more() -> None:
    kept = Ring()
    try:
        freeze_garbage()
        assert gc.get_freeze_count() > 10_000
        assert not any(each is kept for each in gc.get_objects())
    finally:
        gc.unfreeze()


def test_what_was_let_go_since_goes_when_it_settles_again() -> None:
    kept = Ring()
    gone = weakref.ref(kept)
    try:
        freeze_garbage()
        del kept
        gc.collect()
        assert gone() is not None
        gc.unfreeze()
        freeze_garbage()
        assert gone() is None
    finally:
        gc.unfreeze()
