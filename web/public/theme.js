// Chooses dark or light before anything is painted. A file of its own, because the policy allows no script in the page.
(function () {
  var chosen = null;
  try { chosen = localStorage.getItem("headend.theme"); } catch (e) { /* no storage: as the system has it */ }
  var dark = chosen ? chosen === "dark" : !matchMedia("(prefers-color-scheme: light)").matches;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
})();
