// Parts that ask again by themselves (`data-poll`): not while nobody looks or somebody reads there,
// and what the reader had opened (`data-keep`) stays open.
(() => {
  "use strict";
  const reading = (part) => {
    const selection = document.getSelection();
    const focus = document.activeElement;
    return (
      (selection && !selection.isCollapsed && part.contains(selection.anchorNode)) ||
      (focus && focus.matches("input, textarea, select") && part.contains(focus))
    );
  };

  document.addEventListener("htmx:beforeRequest", (event) => {
    const part = event.detail.elt;
    if (!part.hasAttribute("data-poll")) return;
    if (document.visibilityState === "hidden" || reading(part)) event.preventDefault();
  });

  let open = [];
  document.addEventListener("htmx:beforeSwap", (event) => {
    open = [...event.detail.target.querySelectorAll("details[open][data-keep]")].map((part) => part.dataset.keep);
  });
  document.addEventListener("htmx:afterSwap", () => {
    for (const id of open) document.querySelector(`details[data-keep="${CSS.escape(id)}"]`)?.setAttribute("open", "");
    open = [];
  });
})();
