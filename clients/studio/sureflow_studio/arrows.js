// Moves the focus between the cards of a box, as their places on the screen say.
(event) => {
  const step = {ArrowLeft: -1, ArrowRight: 1, ArrowUp: "up", ArrowDown: "down",
    Home: "first", End: "last"}[event.key];
  const own = event.target.closest(".card");
  if (!step || !own) return;
  const shown = [...event.currentTarget.querySelectorAll(".card")]
    .filter((card) => card.offsetParent && card.tagName === "BUTTON");
  const place = shown.indexOf(own);
  const top = (card) => card.getBoundingClientRect().top;
  const left = (card) => card.getBoundingClientRect().left;
  const aside = (card) => Math.abs(left(card) - left(own));
  let next;
  if (step === "first") next = shown[0];
  else if (step === "last") next = shown[shown.length - 1];
  else if (step === "up" || step === "down") {
    const sign = step === "up" ? -1 : 1;
    const further = shown.filter((card) => sign * (top(card) - top(own)) > 4);
    const near = Math.min(...further.map((card) => sign * top(card)));
    const row = further.filter((card) => Math.abs(sign * top(card) - near) < 4);
    next = row.sort((a, b) => aside(a) - aside(b))[0];
  } else next = shown[place + step];
  if (next) { next.focus(); event.preventDefault(); }
}
