"""Step control: decides whether a lane's step is accepted, and sets the size of its next one."""

from __future__ import annotations

import numpy as np

from sureflow.core.arrays import Flags, Floats, Slots
from sureflow.families.flow.lanes import FlowLanes


class StepControl:
    """Decides whether steps are accepted, and sets their sizes. A subclass does so in its own way.

    This one is for fixed grids: step ``i`` runs from point ``i`` of the lane's grid to the next
    one, and all steps are accepted.
    """

    def begin(self, lanes: FlowLanes, slots: Slots, mean_variance: Floats) -> None:
        """Set ``h`` of lanes whose first stage has been evaluated.

        ``mean_variance [n]`` is the mean variance per component at that stage, without guidance.
        """

    def accept(self, lanes: FlowLanes, slots: Slots, error: Floats) -> Flags:
        """Whether each of these lanes, all at the end of a step, keeps it; sets ``h`` if not.

        ``error [n]`` is in units of the tolerance; 0 on a fixed grid.
        """
        return np.ones(len(slots), np.bool_)

    def advance(self, lanes: FlowLanes, slots: Slots) -> Flags:
        """Advance the time of lanes whose step was accepted; returns which are done, ``[n]``.

        The points of a grid do not drift, as a sum of steps would.
        """
        step = lanes.step[slots]
        done: Flags = step >= lanes.steps[slots]
        lanes.t[slots] = t = lanes.grid[slots, step]
        # From the last point to itself it is 0.
        lanes.h[slots] = lanes.grid[slots, step + ~done] - t
        return done


class ByLane(StepControl):
    """Fixed steps for the lanes without a tolerance, adaptive ones for the others."""

    def __init__(self, adaptive: StepControl) -> None:
        self._fixed, self._adaptive = StepControl(), adaptive

    def begin(self, lanes: FlowLanes, slots: Slots, mean_variance: Floats) -> None:
        """Hand each lane to its control."""
        if of_all := self._of_all(lanes, slots):
            of_all.begin(lanes, slots, mean_variance)
            return
        for control, part in self._parts(lanes, slots):
            control.begin(lanes, slots[part], mean_variance[part])

    def accept(self, lanes: FlowLanes, slots: Slots, error: Floats) -> Flags:
        """Hand each lane to its control."""
        if of_all := self._of_all(lanes, slots):
            return of_all.accept(lanes, slots, error)
        kept = np.zeros(len(slots), np.bool_)
        for control, part in self._parts(lanes, slots):
            kept[part] = control.accept(lanes, slots[part], error[part])
        return kept

    def advance(self, lanes: FlowLanes, slots: Slots) -> Flags:
        """Hand each lane to its control."""
        if of_all := self._of_all(lanes, slots):
            return of_all.advance(lanes, slots)
        done = np.zeros(len(slots), np.bool_)
        for control, part in self._parts(lanes, slots):
            done[part] = control.advance(lanes, slots[part])
        return done

    def _of_all(self, lanes: FlowLanes, slots: Slots) -> StepControl | None:
        """The control of all of these lanes, if they have one."""
        traits = lanes.traits(slots)
        if not traits.some_adaptive:
            return self._fixed
        return self._adaptive if traits.adaptive.all() else None

    def _parts(self, lanes: FlowLanes, slots: Slots) -> list[tuple[StepControl, Flags]]:
        adaptive = lanes.traits(slots).adaptive
        return [(self._fixed, ~adaptive), (self._adaptive, adaptive)]
