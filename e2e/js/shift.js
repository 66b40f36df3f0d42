// Gives what has moved on the page since it came, other than by what a person did.
async () => {
  await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
  const observer = new PerformanceObserver(() => {});
  observer.observe({ type: "layout-shift", buffered: true });
  return observer.takeRecords().filter((shift) => !shift.hadRecentInput).flatMap((shift) => shift.sources.map(({ node }) =>
    `moved by itself (${shift.value.toFixed(4)}): ${node && node.outerHTML ? node.outerHTML.slice(0, 120) : node && node.textContent}`));
}
