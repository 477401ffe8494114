"""Arrows between samples, in the browser, so that they answer at once."""

from __future__ import annotations

from nicegui.element import Element

ARROWS = """(event) => {
  const step = {ArrowLeft: -1, ArrowRight: 1, ArrowUp: "up", ArrowDown: "down",
    Home: "first", End: "last"}[event.key];
  const own = event.target.closest(".card");
  if (!step || !own) return;
  const shown = [...event.currentTarget.querySelectorAll(".card")]
    .filter((card) => card.offsetParent && !card.disabled);
  const place = shown.indexOf(own);
  const top = (card) => card.getBoundingClientRect().top;
  const left = (card) => Math.abs(card.getBoundingClientRect().left - own.getBoundingClientRect().left);
  let next;
  if (step === "first") next = shown[0];
  else if (step === "last") next = shown[shown.length - 1];
  else if (step === "up" || step === "down") {
    const rows = shown.filter((card) => step === "up" ? top(card) < top(own) - 4 : top(card) > top(own) + 4);
    const near = step === "up" ? Math.max(...rows.map(top)) : Math.min(...rows.map(top));
    next = rows.filter((card) => Math.abs(top(card) - near) < 4).sort((a, b) => left(a) - left(b))[0];
  } else next = shown[place + step];
  if (next) { next.focus(); event.preventDefault(); }
}"""


def walkable(box: Element) -> None:
    """Let the arrow keys, Home and End move between the cards of a box."""
    box.on("keydown", js_handler=ARROWS)
