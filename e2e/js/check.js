// Gives what is wrong with the page for people who can't see it, can't tell its
// colours apart, or have a small screen. The rules are those of WCAG 2.2 AA that a
// program can judge.
() => {
  const faults = [];
  const squeeze = (text) => text.replace(/\s+/g, " ").trim();
  const visible = (e) => e.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && e.getClientRects().length > 0;
  const show = (e) => e.outerHTML.replace(/\s+/g, " ").slice(0, 120);
  const byIds = (ids) => ids.split(/\s+/).map((id) => document.getElementById(id));
  const nameOf = (e) => {
    if (e.hasAttribute("aria-labelledby")) return squeeze(byIds(e.getAttribute("aria-labelledby")).map((x) => (x ? x.textContent : "")).join(" "));
    if (e.hasAttribute("aria-label")) return squeeze(e.getAttribute("aria-label"));
    if (e.labels && e.labels.length) return squeeze([...e.labels].map((l) => l.textContent).join(" "));
    return squeeze(e.textContent + [...e.querySelectorAll("img")].map((i) => i.alt).join(" "));
  };

  // The page as a whole.
  if (!document.documentElement.lang) faults.push("the page doesn't say its language");
  if (!squeeze(document.title)) faults.push("the page has no title");
  const mains = [...document.querySelectorAll("main")].filter(visible);
  if (mains.length !== 1) faults.push(`the page has ${mains.length} main parts`);
  const tops = [...document.querySelectorAll("h1:not(.text *)")].filter(visible); // a README's headings are its author's
  if (tops.length !== 1) faults.push(`the page has ${tops.length} h1: ${tops.map((h) => squeeze(h.textContent)).join(" | ")}`);
  let level = 0;
  for (const h of document.querySelectorAll("h1, h2, h3, h4, h5, h6")) {
    if (!visible(h) || h.closest(".text")) continue;
    const own = Number(h.tagName[1]);
    if (own > level + 1) faults.push(`heading level ${own} after ${level}: ${squeeze(h.textContent)}`);
    if (!squeeze(h.textContent)) faults.push(`an empty heading: ${show(h)}`);
    level = own;
  }
  const ids = new Set();
  for (const e of document.querySelectorAll("[id]")) {
    if (ids.has(e.id)) faults.push(`two things have the id ${e.id}`);
    ids.add(e.id);
  }
  for (const attribute of ["for", "aria-describedby", "aria-labelledby", "aria-controls"]) {
    for (const e of document.querySelectorAll(`[${attribute}]`)) {
      if (byIds(e.getAttribute(attribute)).some((x) => !x)) faults.push(`${attribute} points nowhere: ${show(e)}`);
    }
  }

  // Names.
  for (const e of document.querySelectorAll("input:not([type=hidden]), textarea, select")) {
    if (visible(e) && !nameOf(e)) faults.push(`a field without a label: ${show(e)}`);
    if (e.type === "password" && !e.autocomplete) faults.push(`a password field that managers can't tell: ${show(e)}`);
  }
  for (const e of document.querySelectorAll("a[href], button, summary, [role=button], [role=img], nav")) {
    if (visible(e) && !nameOf(e)) faults.push(`nameless: ${show(e)}`);
  }
  for (const e of document.querySelectorAll("img:not([alt])")) faults.push(`a picture without words: ${show(e)}`);
  for (const e of document.querySelectorAll("svg:not([aria-hidden=true])")) {
    if (visible(e) && !e.closest("[aria-hidden=true], [role=img][aria-label]") && !e.querySelector("title")) faults.push(`a drawing without words: ${show(e)}`);
  }
  for (const e of document.querySelectorAll("fieldset")) {
    if (visible(e) && !(e.querySelector("legend") && squeeze(e.querySelector("legend").textContent))) faults.push(`a group of fields without a legend: ${show(e)}`);
  }
  for (const e of document.querySelectorAll("table")) {
    if (visible(e) && !e.querySelector("th") && e.getAttribute("role") !== "presentation") faults.push(`a table without headings: ${show(e)}`);
  }
  for (const e of document.querySelectorAll("[tabindex]")) {
    if (e.tabIndex > 0) faults.push(`a tab order of its own: ${show(e)}`);
  }
  for (const e of document.querySelectorAll("form[method=get] input[type=password]")) faults.push(`a password in an address: ${show(e)}`);

  // Colours: of text against what lies behind it.
  const pen = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
    return { r, g, b, a: a / 255 };
  };
  const over = (top, below) => ({
    r: top.r * top.a + below.r * (1 - top.a), g: top.g * top.a + below.g * (1 - top.a), b: top.b * top.a + below.b * (1 - top.a), a: 1,
  });
  const behind = (e) => {
    if (!e) return rgba(getComputedStyle(document.documentElement).colorScheme.includes("dark") && matchMedia("(prefers-color-scheme: dark)").matches ? "#121212" : "#fff");
    const own = rgba(getComputedStyle(e).backgroundColor);
    return own.a === 1 ? own : over(own, behind(e.parentElement));
  };
  const light = ({ r, g, b }) => {
    const part = (v) => ((v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const contrast = (a, b) => {
    const [dark, bright] = [light(a), light(b)].sort((x, y) => x - y);
    return (bright + 0.05) / (dark + 0.05);
  };
  const judged = new Set();
  const judge = (e, text) => {
    if (judged.has(e) || !visible(e) || e.closest("[disabled], [aria-hidden=true]")) return;
    judged.add(e);
    const style = getComputedStyle(e);
    const box = e.getBoundingClientRect();
    if (box.width <= 1 || box.height <= 1 || box.right < 0 || box.bottom < 0) return; // for screen readers only
    let seen = 1;
    for (let up = e; up; up = up.parentElement) seen *= Number(getComputedStyle(up).opacity);
    const back = behind(e);
    const ink = rgba(style.color);
    const ratio = contrast(over({ ...ink, a: ink.a * seen }, back), back);
    const size = parseFloat(style.fontSize);
    const needed = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    if (ratio < needed) faults.push(`contrast ${ratio.toFixed(2)}, needed ${needed}: "${squeeze(text).slice(0, 40)}" in ${show(e)}`);
  };
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    if (squeeze(walk.currentNode.data)) judge(walk.currentNode.parentElement, walk.currentNode.data);
  }
  for (const e of document.querySelectorAll("input:not([type=hidden]), textarea, select")) judge(e, e.value || "field");

  // Room: nothing scrolls sideways, and what one taps is 24 px at least.
  const wide = document.scrollingElement.scrollWidth;
  if (wide > innerWidth) {
    const guilty = [...document.body.querySelectorAll("*")].filter((e) => visible(e) && e.getBoundingClientRect().right > innerWidth + 0.5).map(show);
    faults.push(`${wide} px wide in a window of ${innerWidth}: ${guilty.slice(-1)}`);
  }
  for (const e of document.querySelectorAll("button, summary, a.button, input[type=submit]")) {
    const box = e.getBoundingClientRect();
    const inText = getComputedStyle(e).display === "inline" || e.classList.contains("link");
    if (visible(e) && !inText && box.width > 1 && (box.width < 24 || box.height < 24)) faults.push(`too small to tap, ${Math.round(box.width)}×${Math.round(box.height)}: ${show(e)}`);
  }
  return faults;
}
