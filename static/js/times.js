// Keeps "12 s ago" true, and adds local time to the title of every time.
(() => {
  "use strict";
  const UNITS = [[59.5, 1, "s"], [3570, 60, "min"], [84600, 3600, "h"], [Infinity, 86400, "d"]];

  const age = (seconds) => {
    const size = Math.abs(seconds);
    if (size < 1) return "now";
    const [, divisor, unit] = UNITS.find(([limit]) => size < limit);
    const text = `${Math.round(size / divisor)}\u00a0${unit}`;
    return seconds > 0 ? `${text} ago` : `in ${text}`;
  };

  const refresh = () => {
    if (document.visibilityState === "hidden") return;
    document.querySelectorAll("time[data-ago]").forEach((part) => {
      const text = age((Date.now() - new Date(part.dateTime)) / 1000);
      if (part.textContent !== text) part.textContent = text;
    });
  };

  document.addEventListener("mouseover", (event) => {
    const part = event.target.closest?.("time[datetime]");
    if (!part || part.dataset.local) return;
    part.dataset.local = "1";
    part.title += `\n${new Date(part.dateTime).toLocaleString()} here`;
  });
  setInterval(refresh, 1000);
})();
