"""Files of a sample, for who wants to keep it."""

from __future__ import annotations

import io
import json

import numpy as np
from nicegui import ui

from sureflow_client import SureflowError

from .errors import Notice
from .family import Member
from .recipe import document
from .session import Session


class Downloads:
    """Buttons for the picture, the exact numbers, and the recipe."""

    def __init__(self, session: Session, member: Member, notice: Notice) -> None:
        self.session, self.member, self.notice = session, member, notice
        sample = member.sample
        with ui.element("div").classes("row-line tight downloads"):
            if sample is not None and len(sample.shape) == 3:
                _button("PNG", "The picture", self._picture)
            _button("NPY", "The exact numbers", self._array)
            _button("Recipe", "What makes it again, as JSON", self._recipe)

    def _picture(self) -> None:
        assert self.member.sample is not None
        file = io.BytesIO()
        self.member.sample.image().save(file, "PNG")
        ui.download.content(file.getvalue(), f"{self.member.handle}.png", "image/png")

    async def _array(self) -> None:
        try:
            exact = (await self.session.client.handle(self.member.handle, output="npy")).sample
        except SureflowError as error:
            self.notice.show(error)
            return
        file = io.BytesIO()
        np.save(file, exact.array(), allow_pickle=False)
        ui.download.content(file.getvalue(), f"{self.member.handle}.npy")

    def _recipe(self) -> None:
        text = json.dumps(document(self.member), indent=2) + "\n"
        ui.download.content(text, f"{self.member.handle}.json", "application/json")


def _button(name: str, words: str, clicked: object) -> None:
    button = ui.button(name, icon="download", on_click=clicked)  # type: ignore[arg-type]
    button.props("outline dense no-caps size=sm padding='4px 10px'")
    button.props["title"] = words
