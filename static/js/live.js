// The one websocket of this tab: fragments of what it shows, and whether what it shows is live.
(() => {
  "use strict";
  const WORDS = {
    connecting: ["none", "connecting"],
    live: ["ok", "live"],
    silent: ["warn", "silent"],
    paused: ["info", "paused"],
    disconnected: ["bad", "disconnected"],
    ended: ["bad", "signed out"],
  };
  const SIGNED_OUT = 4401;
  const SILENT_S = 15; // something comes every 5 s while all is well
  const listeners = [];
  const held = new Map(); // id -> html that waits until nobody reads there
  let socket = null;
  let open = false; // and everybody has been told so
  let state = "";
  let since = new Date();
  let shownAt = Date.now();
  let attempts = 0;
  let stopped = false; // by the user, until they resume

  const all = (selector) => document.querySelectorAll(selector);
  const hidden = () => document.visibilityState === "hidden";
  const views = () => ["shell", ...[...all("[data-watch]")].map((part) => part.dataset.watch)];

  // Whether somebody reads here: hovers a row, selects text, or types.
  const busy = (part) => {
    const focus = document.activeElement;
    const selection = document.getSelection();
    return Boolean(
      part.querySelector("tr:hover, li:hover") ||
        (focus && focus.matches("input, select, textarea") && part.contains(focus)) ||
        (selection && !selection.isCollapsed && part.contains(selection.anchorNode)),
    );
  };

  const send = (message) => {
    if (socket && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
  };

  const tell = (message) => listeners.forEach((listener) => listener(message));

  const show = () => {
    const age = Math.round((Date.now() - shownAt) / 1000);
    const [kind, word] = WORDS[state === "live" && age > SILENT_S ? "silent" : state];
    const at = `${since.toISOString().slice(11, 19)} UTC`;
    const waits = held.size && state === "live" ? `, +${held.size} new` : "";
    all("[data-live-state]").forEach((part) => (part.hidden = false));
    all("[data-live-word]").forEach((part) => {
      part.parentElement.className = `status ${kind}`;
      part.textContent = state === "disconnected" || state === "paused" ? `${word} since ${at}` : word + waits;
    });
    all("button[data-live-toggle].btn").forEach((part) => {
      part.hidden = false;
      part.textContent = stopped ? "Resume" : "Pause";
    });
    const stale = !stopped && !hidden() && age > SILENT_S;
    document.body.toggleAttribute("data-stale", stale);
    all("[data-stale-notice]").forEach((part) => (part.hidden = !stale));
    all("[data-stale-age]").forEach((part) => (part.textContent = age < 120 ? `${age} s` : `${Math.round(age / 60)} min`));
    all("[data-live-age]").forEach((part) => {
      part.textContent = `updated ${age < 1 ? "now" : age < 120 ? `${age} s ago` : `${Math.round(age / 60)} min ago`}`;
    });
  };

  const enter = (next) => {
    if (next !== state) {
      if (state !== "connecting" || next !== "disconnected") since = new Date();
      state = next;
    }
    show();
  };

  const apply = (html) => {
    const box = document.createElement("template");
    box.innerHTML = html;
    const fresh = box.content.firstElementChild;
    const old = fresh && document.getElementById(fresh.id);
    if (!old) return;
    if (busy(old)) {
      held.set(fresh.id, html);
      return;
    }
    held.delete(fresh.id);
    fresh.querySelectorAll("tr[id], li[id]").forEach((row) => {
      const before = document.getElementById(row.id);
      if (!before || before.textContent !== row.textContent) row.classList.add("changed");
      if (before && before.classList.contains("here")) row.classList.add("here");
    });
    const focus = old.contains(document.activeElement) && document.activeElement.getAttribute("href");
    old.replaceWith(fresh);
    if (focus) fresh.querySelector(`[href="${CSS.escape(focus)}"]`)?.focus({ preventScroll: true });
    window.htmx?.process(fresh);
  };

  const release = () => {
    [...held.values()].forEach(apply);
    tell({ kind: "released" });
    show();
  };

  const watches = () => !stopped && !hidden();

  const follow = () => {
    const on = watches();
    send({ kind: "watch", views: on ? views() : [] });
    tell({ kind: on ? "resumed" : "paused" });
    if (!on && socket && socket.readyState === WebSocket.OPEN) enter("paused");
    show();
  };

  const hear = (event) => {
    const message = JSON.parse(event.data);
    if (message.kind !== "watching") shownAt = Date.now();
    else if (message.views.length) enter("live");
    if (message.kind === "fragments") message.html.forEach(apply);
    else tell(message);
    show();
  };

  const connect = () => {
    if (socket && socket.readyState < WebSocket.CLOSING) return;
    socket = new WebSocket(`${location.protocol.replace("http", "ws")}//${location.host}/ws/`);
    socket.onopen = () => {
      open = true;
      tell({ kind: "opened" });
      follow();
    };
    socket.onmessage = (event) => {
      attempts = 0;
      hear(event);
    };
    socket.onclose = (event) => {
      open = false;
      if (event.code === SIGNED_OUT) return enter("ended");
      enter("disconnected");
      attempts += 1;
      const wait = Math.min(15, 2 ** (attempts - 1)) * (0.75 + Math.random() / 2);
      setTimeout(connect, wait * 1000);
    };
  };

  // A script that arrives late must not wait for an opening that has been.
  const listen = (listener) => {
    listeners.push(listener);
    if (!open) return;
    listener({ kind: "opened" });
    if (!watches()) listener({ kind: "paused" });
  };

  window.astra = { busy, send, listen };

  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-live-toggle]")) return;
    stopped = !stopped;
    follow();
  });
  document.addEventListener("visibilitychange", follow);
  let soon = 0;
  for (const name of ["mouseout", "focusout", "selectionchange"]) {
    document.addEventListener(name, () => {
      clearTimeout(soon);
      soon = setTimeout(release, 150);
    });
  }
  addEventListener("pagehide", () => socket && socket.close());
  addEventListener("pageshow", (event) => event.persisted && connect());
  setInterval(show, 1000);
  enter("connecting");
  connect();
})();
