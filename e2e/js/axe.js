// Gives what axe finds on the page: each rule with where it is broken.
async () => {
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  const { violations } = await axe.run(document, { preload: false, runOnly: tags, resultTypes: ["violations"] });
  return violations.flatMap((rule) => rule.nodes.map((node) => {
    const why = [...node.any, ...node.all, ...node.none].map((check) => check.message).join("; ");
    return `axe ${rule.id}: ${node.target.join(" ")}: ${why}: ${node.html.slice(0, 160)}`;
  }));
}
