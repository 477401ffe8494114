// Tells the page when somebody goes back or forward, and when Escape is for none of its lists or
// dialogs: it is heard before they close.
if (!window.sureflowHears) {
  window.sureflowHears = true;
  window.addEventListener("popstate", () => emitEvent("sureflow_went", location.search));
  window.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || document.querySelector(".q-menu, .q-dialog")) return;
    emitEvent("sureflow_escape");
  }, true);
}
