"""A crystal that can be turned, by three.js as NiceGUI brings it; a picture where it cannot run."""

from __future__ import annotations

from functools import partial

import numpy as np
from nicegui import background_tasks, ui

from sureflow_client import Atom, Structure

from .colours import UNSURE
from .pictures import Floats
from .sites import marked

SHARE = 0.45
"""Radius of a sphere as a share of that of the atom, so that one sees between them."""

PAPER, EDGE = "#f1f3f6", "#566072"
"""Of the scene, light also on a dark page, as the colours of elements are made for."""

CAGE, FINE, COARSE = 1.4, 24, 8
"""Size of the cage around an unsure site in radii of its sphere; parts of spheres and of cages."""

BEHIND = 1.45
"""Distance of the eye in radii of the cell."""

LABEL = "font:600 12px system-ui,sans-serif;color:#171b23;text-shadow:0 0 3px #fff,0 0 3px #fff"

TURN = np.radians(30)
SUPPORTED = "!!document.createElement('canvas').getContext('webgl2')"

VIEWS = {"a": 0, "b": 1, "c": 2}


class CrystalScene:
    """Spheres by element in the edges of a cell; sites that are unsure are in a cage.

    It can be turned with a mouse or a finger, and by buttons.
    """

    def __init__(self, picture: str) -> None:
        self._crystal: Structure | None = None
        self._unsure: Floats | None = None
        self._scene: ui.scene | None = None
        self._eye, self._up = np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0])
        with ui.element("div").classes("stage crystal") as self.box:
            self.picture = ui.element("img").classes("crystal-picture")
            self.picture.props["src"], self.picture.props["alt"] = picture, "The crystal"
        with ui.element("div").classes("row-line tight crystal-turns") as self.turns:
            for name, row in VIEWS.items():
                self._button(f"Along {name}", name, partial(self._along, row))
            for name, icon, angle in (
                ("Turn left", "rotate_left", -TURN),
                ("Turn right", "rotate_right", TURN),
            ):
                self._button(name, "", partial(self._turn, angle)).props(f"icon={icon}")
        self.turns.set_visibility(False)
        background_tasks.create(self._begin())

    def show(self, crystal: Structure, unsure: Floats | None) -> None:
        """Show a crystal, with the share of each site in what is open; ``None`` marks none."""
        self._crystal, self._unsure = crystal, unsure
        self._draw()

    async def _begin(self) -> None:
        """Put the scene in place of the picture, if the browser can draw it."""
        try:
            able = await self.box.client.run_javascript(SUPPORTED, timeout=10)
        except TimeoutError:
            able = False
        if not able or self.box.is_deleted:
            return
        with self.box:
            self._scene = ui.scene(
                width=420, height=420, grid=False, background_color=PAPER, click_events=[], fps=15
            )
        self._scene.classes("crystal-scene")
        self._scene.props('role="img" aria-label="The crystal, which can be turned"')
        self.picture.set_visibility(False)
        self.turns.set_visibility(True)
        self._draw()
        if self._crystal is not None:
            _, self._up, self._eye = self._crystal.sight()
            self._look(0)

    def _draw(self) -> None:
        scene, crystal = self._scene, self._crystal
        if scene is None or crystal is None:
            return
        middle, unsure = crystal.lattice.sum(0) / 2, marked(self._unsure)
        scene.delete_objects()
        with scene:
            for first, second in crystal.edges():
                line = scene.line((first - middle).tolist(), (second - middle).tolist())
                line.material(EDGE)
            for atom in crystal.atoms():
                _atom(scene, atom, middle, atom.site in unsure)

    def _along(self, row: int) -> None:
        """Look along a lattice vector, another one upward."""
        if self._crystal is not None:
            lattice = self._crystal.lattice
            self._eye, self._up = lattice[row], lattice[row - 1]
            self._look()

    def _turn(self, angle: float) -> None:
        """Go around what is upright."""
        up = _unit(self._up)
        level = self._eye - (self._eye @ up) * up
        self._eye = self._eye - level + np.cos(angle) * level + np.sin(angle) * np.cross(up, level)
        self._look()

    def _look(self, seconds: float = 0.3) -> None:
        if self._scene is None or self._crystal is None:
            return
        corners = np.array([end for edge in self._crystal.edges() for end in edge])
        middle = self._crystal.lattice.sum(0) / 2
        reach = float(np.linalg.norm(corners - middle, axis=1).max()) + 1.0
        eye = BEHIND * reach * _unit(self._eye)
        up = _unit(self._up - (self._up @ _unit(self._eye)) * _unit(self._eye))
        x, y, z = eye.tolist()
        up_x, up_y, up_z = up.tolist()
        self._scene.move_camera(x, y, z, 0, 0, 0, up_x=up_x, up_y=up_y, up_z=up_z, duration=seconds)

    def _button(self, name: str, words: str, clicked: object) -> ui.button:
        button = ui.button(words, on_click=clicked)  # type: ignore[arg-type]
        button.props(f'outline dense no-caps size=sm padding="4px 10px" aria-label="{name}"')
        button.props["title"] = name
        return button


def _unit(vector: Floats) -> Floats:
    length = float(np.linalg.norm(vector))
    return vector / length if length > 0 else vector


def _atom(scene: ui.scene, atom: Atom, middle: Floats, unsure: bool) -> None:
    """Draw an atom with its symbol, and a cage around it if it is unsure."""
    x, y, z = (np.array(atom.place) - middle).tolist()
    size = SHARE * atom.radius
    scene.sphere(size, FINE, FINE // 2).material(atom.colour).move(x, y, z)
    scene.text(atom.symbol, LABEL).move(x, y, z)
    if unsure:
        cage = scene.sphere(CAGE * size, COARSE, COARSE // 2, wireframe=True)
        cage.material(UNSURE).move(x, y, z)
