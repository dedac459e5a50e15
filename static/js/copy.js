// Copies what `data-copy` names: "location", "#an-element", or the text itself.
(() => {
  "use strict";
  const show = () => document.querySelectorAll("[data-copy][hidden]").forEach((part) => (part.hidden = false));

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const wanted = button.dataset.copy;
    const source = /^#[\w-]+$/.test(wanted) && document.querySelector(wanted);
    await navigator.clipboard.writeText(wanted === "location" ? location.href : source ? source.textContent : wanted);
    const label = button.dataset.label || button.textContent;
    button.dataset.label = label;
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = label), 1200);
  });
  document.addEventListener("htmx:afterSwap", show);
  show();
})();
