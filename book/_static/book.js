// What axe finds in the theme: labels that differ from what is shown, and a sidebar outside any landmark.
addEventListener("load", () => {
  for (const button of document.querySelectorAll(".search-button-field")) button.removeAttribute("aria-label");
  for (const icon of document.querySelectorAll(".theme-switch-button > *")) {
    icon.setAttribute("aria-hidden", "true");
    icon.querySelector("title")?.remove();
    icon.removeAttribute("title");
  }
  const side = document.querySelector("#pst-primary-sidebar");
  if (side) {
    side.setAttribute("role", "navigation");
    side.setAttribute("aria-label", "Book");
  }
});

// A line may break at a formula, even before the comma or after the bracket that belongs to it.
addEventListener("load", async () => {
  await window.MathJax?.startup?.promise;
  const count = (node, marks) => (node?.nodeType === Node.TEXT_NODE ? node.data.match(marks)[0].length : 0);
  for (const set of document.querySelectorAll("article mjx-container:not([display])")) {
    const formula = set.closest("span.math") ?? set;
    const before = formula.previousSibling;
    const after = formula.nextSibling;
    const opening = count(before, /[([‘“]*$/);
    const closing = count(after, /^[,.;:!?)\]’”]*/);
    if (!opening && !closing) continue;
    const parts = [formula];
    if (opening) parts.unshift(before.splitText(before.length - opening));
    if (closing) {
      after.splitText(closing);
      parts.push(after);
    }
    const tied = document.createElement("span");
    tied.className = "tied";
    formula.replaceWith(tied);
    tied.append(...parts);
  }
});

// A result of a search shows the page's prose: no code, no TeX, not the list of contents before it.
document.addEventListener("DOMContentLoaded", () => {
  if (typeof Search === "undefined") return;
  const toText = Search.htmlToText;
  Search.htmlToText = (html, anchor) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    for (const part of page.querySelectorAll(".cell, .onlyprint, .bd-header-article, .prev-next-area, h1")) part.remove();
    for (const formula of page.querySelectorAll(".math"))
      formula.textContent = formula.textContent.match(/^\\\((\w+)\\\)$/)?.[1] ?? "…";
    return toText(page.documentElement.outerHTML, anchor);
  };
});
