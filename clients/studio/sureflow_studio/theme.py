"""How the page looks: its style sheet, dark and light, its icon."""

from __future__ import annotations

from pathlib import Path

from nicegui import ui

STYLES = (Path(__file__).parent / "studio.css").read_text()

ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
    '<rect width="32" height="32" rx="7" fill="#2f5bd0"/>'
    '<path d="M5 22c5 0 5-12 11-12s6 12 11 12" fill="none" stroke="#fff" stroke-width="3.2" '
    'stroke-linecap="round"/><circle cx="16" cy="10" r="3.4" fill="#ffb02e"/></svg>'
)
"""A path on its way, and where it was decided."""

NEXT: dict[bool | None, tuple[bool | None, str, str]] = {
    None: (True, "brightness_auto", "Colours of the system"),
    True: (False, "dark_mode", "Dark"),
    False: (None, "light_mode", "Light"),
}
"""What follows each choice, its icon, and its name."""


class ThemeButton:
    """Goes from the colours of the system to dark, to light, and back."""

    def __init__(self) -> None:
        self.dark = ui.dark_mode(None)
        self.button = ui.button(on_click=self._turn, color=None).props("flat round dense")
        self._show()

    def _turn(self) -> None:
        self.dark.value = NEXT[self.dark.value][0]
        self._show()

    def _show(self) -> None:
        _, icon, name = NEXT[self.dark.value]
        self.button.props(f'icon={icon} aria-label="{name}" title="{name}"')


def style() -> None:
    """Give the page its style sheet."""
    ui.add_css(STYLES)
