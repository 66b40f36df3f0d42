// What pages of code need a script for: marking a range of lines (#L3-L7, or
// #lines-3:7 as Bitbucket writes it), and narrowing a list of files as one types.
"use strict";
(function () {
  function rows(from, to) {
    var found = [];
    for (var i = from; i <= to; i++) {
      var row = document.getElementById("L" + i);
      if (!row) break;
      found.push(row);
    }
    return found;
  }

  function range() {
    var parts = /^#(?:L|lines-)(\d{1,7})(?:[-:]L?(\d{1,7}))?$/.exec(location.hash);
    if (!parts) return null;
    var a = Number(parts[1]), b = Number(parts[2] || a);
    return { from: Math.min(a, b), to: Math.max(a, b) };
  }

  function mark() {
    document.querySelectorAll(".marked").forEach(function (row) { row.classList.remove("marked"); });
    var r = range();
    var lines = r ? rows(r.from, r.to) : [];
    lines.forEach(function (row) { row.classList.add("marked"); });
    return lines[0];
  }

  function arrive() {
    var first = mark();
    if (first && first.id !== location.hash.slice(1)) first.scrollIntoView({ block: "center" });
  }

  var start = 0; // the line that was chosen last without Shift
  function choose(event) {
    var link = event.target.closest("a[data-line]");
    if (!link || link.getAttribute("href")[0] !== "#" || event.ctrlKey || event.metaKey || event.altKey) return;
    var line = Number(link.dataset.line), r = range();
    if (!start && r) start = r.from;
    if (!event.shiftKey || !start) {
      start = line; // the browser goes there itself
      return;
    }
    event.preventDefault(); // or it would open a window
    getSelection().removeAllRanges();
    var hash = start === line ? "#L" + line : "#L" + Math.min(start, line) + "-L" + Math.max(start, line);
    history.pushState(null, "", hash); // without going there: one looks at it already
    mark();
  }

  if (document.getElementById("L1")) {
    arrive();
    addEventListener("hashchange", arrive);
    addEventListener("popstate", mark);
    document.addEventListener("click", choose);
  }

  var form = document.querySelector("form[data-narrows]");
  var list = form && document.getElementById(form.dataset.narrows);
  if (!list) return;
  var input = form.querySelector("input"), said = document.getElementById("found");
  var shown = input.value.trim(), going, timer;

  function narrow() {
    var query = input.value.trim();
    if (query === shown) return Promise.resolve();
    if (going) going.abort();
    going = new AbortController();
    var address = form.getAttribute("action") + "?q=" + encodeURIComponent(query);
    return fetch(address, { signal: going.signal, credentials: "same-origin" })
      .then(function (response) {
        if (!response.ok) throw new Error();
        return response.text();
      })
      .then(function (text) {
        var page = new DOMParser().parseFromString(text, "text/html");
        list.replaceChildren.apply(list, Array.from(page.getElementById(list.id).childNodes));
        said.textContent = page.getElementById(said.id).textContent;
        shown = query;
        history.replaceState(null, "", address);
      });
  }

  input.addEventListener("input", function () {
    clearTimeout(timer);
    timer = setTimeout(function () { narrow().catch(function () { /* the form still finds them */ }); }, 80);
  });

  // Enter in the field opens the first file; where it can't be told which, the
  // form is sent, as by its button.
  form.addEventListener("submit", function (event) {
    if (document.activeElement !== input || !input.value.trim()) return;
    event.preventDefault();
    clearTimeout(timer);
    narrow().then(function () {
      var first = list.querySelector("a");
      if (first) first.click();
    }, function (error) {
      if (error.name !== "AbortError") form.submit();
    });
  });

  document.addEventListener("keydown", function (event) {
    var step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    var links = Array.from(list.querySelectorAll("a"));
    var at = links.indexOf(document.activeElement);
    if (!step || !links.length || at < 0 && document.activeElement !== input) return;
    var next = at + step;
    if (next >= links.length) return;
    event.preventDefault();
    (next < 0 ? input : links[next]).focus();
  });
})();
