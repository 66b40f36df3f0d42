// What needs a script: the theme switch, showing a password, copying, printing,
// and closing menus.
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

  document.addEventListener("keydown", function (event) {
    if (event.key !== "Escape") return;
    document.querySelectorAll("details.person[open]").forEach(function (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
    });
  });
})();
