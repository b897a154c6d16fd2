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
