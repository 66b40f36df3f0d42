// Finds what a person means by a name on the screen, brings it into view, and
// gives the middle of it: {x, y} or {error}.
(kind, wanted) => {
  const squeeze = (text) => text.replace(/\s+/g, " ").trim();
  const visible = (e) => e.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && e.getClientRects().length > 0;
  const nameOf = (e) => {
    if (e.hasAttribute("aria-label")) return squeeze(e.getAttribute("aria-label"));
    if (e.labels && e.labels.length) return squeeze([...e.labels].map((l) => ownText(l)).join(" "));
    return squeeze(e.textContent);
  };
  // A label's hint isn't part of what one would call the field.
  const ownText = (label) => {
    const copy = label.cloneNode(true);
    copy.querySelectorAll(".hint").forEach((h) => h.remove());
    return copy.textContent;
  };
  const selectors = {
    link: "a[href]",
    button: "button, summary, input[type=submit]",
    field: "input:not([type=hidden]):not([type=submit]), textarea, select",
    any: "a[href], button, summary, input:not([type=hidden]), textarea, select",
  };
  const all = [...document.querySelectorAll(selectors[kind])].filter(visible);
  const found = all.filter((e) => nameOf(e) === wanted);
  if (found.length === 0) {
    return { error: `there is no ${kind} "${wanted}"; there are: ${all.map((e) => `"${nameOf(e)}"`).join(", ")}` };
  }
  // Where the same words stand in a menu and on the page, the page is meant.
  const target = found.find((e) => e.closest("main")) || found[0];
  window.wanted = target; // for js/focus.js
  target.scrollIntoView({ block: "center", inline: "nearest", behavior: "instant" });
  const box = [...target.getClientRects()].find((r) => r.width > 0 && r.height > 0);
  if (!box) return { error: `the ${kind} "${wanted}" takes no room` };
  const x = box.left + box.width / 2;
  const y = box.top + box.height / 2;
  const hit = document.elementFromPoint(x, y);
  if (!hit || !(target === hit || target.contains(hit) || hit.contains(target) || (target.labels && [...target.labels].some((l) => l.contains(hit))))) {
    return { error: `something lies over the ${kind} "${wanted}": ${hit && hit.outerHTML.slice(0, 200)}` };
  }
  return { x, y, tag: target.tagName, type: target.type || "" };
}
