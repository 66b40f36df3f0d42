// Gives what has moved on the page since it came, other than by what a person
// did, where that is more than so much in sum (a good page has less than 0.1):
// while a page is still coming in, on a busy machine, its last words may be drawn
// after the first ones of their line.
async (most) => {
  await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
  const observer = new PerformanceObserver(() => {});
  observer.observe({ type: "layout-shift", buffered: true });
  const shifts = observer.takeRecords().filter((shift) => !shift.hadRecentInput);
  if (shifts.reduce((sum, shift) => sum + shift.value, 0) <= most) return [];
  return shifts.flatMap((shift) => shift.sources.map(({ node }) =>
    `moved by itself (${shift.value.toFixed(4)}): ${node && node.outerHTML ? node.outerHTML.slice(0, 120) : node && node.textContent}`));
}
