"""Files of a sample, for who wants to keep it."""

from __future__ import annotations

import json
from functools import partial

from nicegui import ui

from sureflow_client import SureflowError

from .errors import Notice
from .recipe import document
from .session import Session


class Downloads:
    """Buttons for the sample in every format that the model has, and for the recipe."""

    def __init__(self, session: Session, handle: str, notice: Notice) -> None:
        self.session, self.handle, self.notice = session, handle, notice
        model = session.models.get(session.family.members[handle].model)
        formats = () if model is None else model.formats or ()
        with ui.element("div").classes("row-line tight downloads"):
            # A list is shown as numbers, and kept as those of another format.
            for name in formats:
                if name != "list":
                    _button(name.upper(), "The sample", partial(self._save, name))
            _button("Recipe", "What makes it again, as JSON", self._recipe)

    async def _save(self, form: str) -> None:
        try:
            sample = (await self.session.client.handle(self.handle, output=form)).sample
            suffix, content = sample.file()
        except SureflowError as error:
            self.notice.show(error)
            return
        ui.download.content(content, f"{self.handle}{suffix}")

    def _recipe(self) -> None:
        text = json.dumps(document(self.session.family.members[self.handle]), indent=2) + "\n"
        ui.download.content(text, f"{self.handle}.json", "application/json")


def _button(name: str, words: str, clicked: object) -> None:
    button = ui.button(name, icon="download", on_click=clicked)  # type: ignore[arg-type]
    button.props("outline dense no-caps size=sm padding='4px 10px'")
    button.props["title"] = words
