// What needs a script: the theme switch, showing a password, copying, printing,
// closing menus, and keys.
"use strict";
(function () {
  var root = document.documentElement;
  var system = matchMedia("(prefers-color-scheme: dark)");

  function switchTheme() {
    var now = root.dataset.theme || (system.matches ? "dark" : "light");
    var next = now === "dark" ? "light" : "dark";
    // Back at what the system wants: follow the system again.
    var follows = (next === "dark") === system.matches;
    try {
      if (follows) localStorage.removeItem("theme");
      else localStorage.setItem("theme", next);
    } catch (e) { /* not remembered, but switched */ }
    if (follows) delete root.dataset.theme;
    else root.dataset.theme = next;
  }

  function copy(button) {
    navigator.clipboard.writeText(button.dataset.copy).then(function () {
      button.classList.add("copied");
      say("Copied");
      setTimeout(function () { button.classList.remove("copied"); }, 1500);
    }, function () { say("Copying is not allowed here. Select the text instead."); });
  }

  function show(button) {
    var input = document.getElementById(button.dataset.show);
    var shown = input.type === "password";
    input.type = shown ? "text" : "password";
    button.setAttribute("aria-pressed", String(shown));
    button.textContent = shown ? "Hide" : "Show";
  }

  var live;
  function say(text) {
    if (!live) {
      live = document.createElement("p");
      live.className = "sr";
      live.setAttribute("role", "status");
      document.body.append(live);
    }
    live.textContent = text;
  }

  document.addEventListener("click", function (event) {
    var button = event.target.closest("button");
    if (button && "themeSwitch" in button.dataset) switchTheme();
    if (button && "show" in button.dataset) show(button);
    if (button && "copy" in button.dataset) copy(button);
    if (button && "print" in button.dataset) window.print();
    document.querySelectorAll("details.person[open]").forEach(function (menu) {
      if (!menu.contains(event.target)) menu.open = false;
    });
  });

  // A link with data-key is followed by that key; "?" tells which there are.
  function keyed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, [contenteditable]")) return;
    if (event.key === "?") return help();
    var link = /^[a-z]$/.test(event.key) && document.querySelector('[data-key="' + event.key + '"]');
    if (link) {
      event.preventDefault();
      link.click();
    }
  }

  function help() {
    var dialog = document.getElementById("keys") || document.createElement("dialog");
    dialog.id = "keys";
    dialog.className = "card";
    dialog.setAttribute("aria-label", "Keys");
    dialog.replaceChildren();
    var list = document.createElement("ul");
    document.querySelectorAll("[data-key]").forEach(function (link) {
      var line = document.createElement("li"), key = document.createElement("kbd");
      key.textContent = link.dataset.key;
      line.append(key, " " + link.textContent);
      list.append(line);
    });
    if (!list.children.length) list.append("This page has no keys of its own.");
    var close = document.createElement("button");
    close.className = "button small";
    close.textContent = "Close";
    close.addEventListener("click", function () { dialog.close(); });
    dialog.append(list, close);
    document.body.append(dialog);
    dialog.showModal();
  }

  document.addEventListener("keydown", function (event) {
    keyed(event);
    if (event.key !== "Escape") return;
    document.querySelectorAll("details.person[open]").forEach(function (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
    });
  });
})();
