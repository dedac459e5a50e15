// One box that ticks all boxes of its form (`data-check-all`), and the count on its buttons.
(() => {
  "use strict";
  const boxes = (form) => [...form.querySelectorAll("input[type=checkbox][name=id]:not(:disabled)")];
  const show = (all) => {
    const found = boxes(all.form);
    const ticked = found.filter((box) => box.checked).length;
    all.hidden = !found.length;
    all.checked = ticked > 0 && ticked === found.length;
    all.indeterminate = ticked > 0 && ticked < found.length;
    if (!found.length) return;
    for (const button of all.form.querySelectorAll("button[data-counts]")) {
      button.textContent = `${button.dataset.counts} ${ticked} selected…`;
      button.disabled = ticked === 0;
    }
  };
  const each = () => document.querySelectorAll("[data-check-all]").forEach(show);

  document.addEventListener("change", (event) => {
    const all = event.target.form?.querySelector("[data-check-all]");
    if (!all) return;
    if (event.target === all) boxes(all.form).forEach((box) => (box.checked = all.checked));
    show(all);
  });
  window.addEventListener("pageshow", each);
  each();
})();
