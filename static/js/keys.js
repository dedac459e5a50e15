// Keyboard: / search, g + letter a page, j k rows, x select, enter open, p pause, ? the list.
(() => {
  "use strict";
  const list = document.getElementById("keys");
  let going = false;

  const rows = () => [...document.querySelectorAll("[data-row]")];
  const here = () => document.querySelector("[data-row].here");

  const move = (step) => {
    const found = rows();
    const next = found[Math.min(found.length - 1, Math.max(0, found.indexOf(here()) + step))];
    if (!next) return;
    here()?.classList.remove("here");
    next.classList.add("here");
    next.scrollIntoView({ block: "nearest" });
    next.querySelector("a")?.focus({ preventScroll: true });
  };

  const actions = {
    "/": () => document.querySelector("[data-search]").select(),
    "?": () => list.showModal(),
    j: () => move(here() ? 1 : 0),
    k: () => move(-1),
    x: () => here()?.querySelector("input[type=checkbox]")?.click(),
    p: () => document.querySelector("[data-live-toggle]")?.click(),
    g: () => {
      going = true;
      setTimeout(() => (going = false), 1500);
    },
    Enter: () => here()?.querySelector("a")?.click(),
    Escape: () => {
      here()?.classList.remove("here");
      document.querySelectorAll("[data-menu][open]").forEach((menu) => (menu.open = false));
      document.querySelector("#side:not(:empty)")?.replaceChildren();
    },
  };

  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      return actions["/"]();
    }
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (typing && event.key === "Escape") return typing.blur();
    if (typing || list?.open || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" && event.target.closest("a, button, summary")) return;
    const page = going && document.querySelector(`.rail [data-key="${CSS.escape(event.key)}"]`);
    const action = actions[event.key];
    if (!page && !action) return;
    event.preventDefault();
    if (page) page.click();
    else action();
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-keys-show]")) list.showModal();
    document.querySelectorAll("[data-menu][open]").forEach((menu) => {
      if (!menu.contains(event.target)) menu.open = false;
    });
  });
})();
