// Sets the remembered theme before anything is painted, and the class that
// shows what needs a script. Without this file pages follow the system.
"use strict";
(function () {
  var root = document.documentElement;
  root.classList.add("js");
  try {
    var theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  } catch (e) { /* storage is off: follow the system */ }
})();
