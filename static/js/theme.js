// Switches the theme at once; the server keeps it, so that the next page is drawn in it.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-theme-form]")) return;
  event.preventDefault();
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const next = (root.dataset.theme || (dark ? "dark" : "light")) === "dark" ? "light" : "dark";
  root.dataset.theme = next;
  const sent = new FormData(form);
  sent.set("theme", next);
  fetch(form.action, { method: "POST", body: sent, redirect: "manual" });
});
