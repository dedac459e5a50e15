// The rows of the live page: puts new ones on top, keeps them back while somebody reads.
(() => {
  "use strict";
  const root = document.querySelector("[data-tail]");
  if (!root || !window.astra) return;
  const MOST_ROWS = 400;
  const MOST_HELD = 200; // more than this is left on the stream until the reader is done
  const table = document.getElementById("tail-rows");
  const bar = root.querySelector("[data-held]");
  const away = root.querySelector("[data-away]");
  const query = JSON.parse(root.dataset.tail);
  let until = Number(root.dataset.after);
  let waiting = []; // messages kept back
  let kept = 0; // rows in them
  let overflow = false;
  let paused = false;
  let filled = 0; // rows of gaps that were filled here
  let counters = { held: 0 };

  const number = (value) => String(value).replace(/\B(?=(\d{3})+$)/g, "\u202f");

  const count = (fresh) => {
    counters = fresh || counters;
    const shown = { ...counters, shown: counters.shown + filled, skipped: Math.max(0, counters.skipped - filled) };
    root.querySelectorAll("[data-count]").forEach((part) => {
      part.textContent = number(Math.round(shown[part.dataset.count] ?? 0));
    });
    const held = kept + (counters.held || 0);
    bar.hidden = !held;
    bar.textContent = `${number(held)} new while ${paused ? "paused" : "you read"}`;
  };

  const fresh = (html) => {
    const box = document.createElement("template");
    box.innerHTML = html;
    for (const row of [...box.content.children]) {
      if (row.id && document.getElementById(row.id)) row.remove();
    }
    return box.content;
  };

  const put = (html) => {
    table.prepend(fresh(html));
    if (!table.rows.length) return;
    while (table.rows.length > MOST_ROWS) table.rows[table.rows.length - 1].remove();
    root.querySelector("[data-empty]")?.remove();
  };

  const flush = () => {
    waiting.forEach((message) => put(message.html));
    waiting = [];
    kept = 0;
    if (overflow && !paused) window.astra.send({ kind: "resume" });
    overflow = false;
    count();
  };

  const take = (message) => {
    until = message.until;
    away.hidden = true;
    if (!waiting.length && !window.astra.busy(table)) {
      put(message.html);
      return;
    }
    waiting.push(message);
    kept += message.count;
    if (kept > MOST_HELD && !overflow) {
      overflow = true;
      window.astra.send({ kind: "pause" });
    }
  };

  const heard = {
    opened: () => {
      counters = { held: 0 };
      window.astra.send({ kind: "tail", ...query, after: until });
    },
    paused: () => {
      paused = true;
      window.astra.send({ kind: "pause" });
    },
    resumed: () => {
      if (!paused) return;
      paused = false;
      flush();
      window.astra.send({ kind: "resume" });
    },
    released: () => {
      if (waiting.length && !window.astra.busy(table)) flush();
    },
    rows: take,
    bus: (message) => {
      away.hidden = !message.reason;
      away.textContent = `${message.reason}. What comes meanwhile is shown when the bus is back.`;
    },
  };

  window.astra.listen((message) => {
    heard[message.kind]?.(message);
    if (message.counters) count(message.counters);
  });

  bar.addEventListener("click", () => {
    if (paused) document.querySelector("[data-live-toggle]").click();
    else flush();
  });

  const fill = async (link) => {
    const answer = await fetch(link.href, { headers: { "HX-Request": "true" } });
    if (!answer.ok || answer.redirected) return location.assign(link.href);
    const rows = fresh(await answer.text());
    if (!link.isConnected) return; // asked for twice
    filled += rows.querySelectorAll("[data-row]").length;
    link.closest("tr").replaceWith(rows);
    count();
  };

  root.addEventListener("click", (event) => {
    const gap = event.target.closest("[data-fill]");
    const row = event.target.closest("tr[data-row]");
    const plain = !(event.ctrlKey || event.metaKey || event.shiftKey || event.button);
    if (gap && plain) {
      event.preventDefault();
      fill(gap);
    } else if (row && plain && matchMedia("(min-width: 1101px)").matches && window.htmx) {
      event.preventDefault();
      if (!document.getSelection().isCollapsed) return;
      table.querySelector(".here")?.classList.remove("here");
      row.classList.add("here");
      window.htmx.ajax("GET", row.querySelector("a").href, { target: "#side", swap: "innerHTML" });
    }
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-autosubmit]")) event.target.form.requestSubmit();
  });
})();
