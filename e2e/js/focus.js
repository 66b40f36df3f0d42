// Tells where the focus is, seen from what js/find.js found last.
() => {
  const e = document.activeElement;
  const style = getComputedStyle(e);
  const box = e.getBoundingClientRect();
  const kind = wanted.tagName === "INPUT" ? wanted.type : wanted.tagName.toLowerCase();
  return {
    there: e === wanted,
    beside: kind === "radio" && e.type === "radio" && e.name === wanted.name && e.form === wanted.form,
    kind,
    shown: e === document.body || e.tagName === "MAIN" || (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1 && box.width > 1 && box.height > 1),
    html: e.outerHTML.replace(/\s+/g, " ").slice(0, 120),
  };
}
