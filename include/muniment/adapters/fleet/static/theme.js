// Loaded before anything is painted: the page has the colours of Airflow's own from its first frame on.
// Airflow keeps its theme with next-themes: "light", "dark" or "system" under "theme", and a class on its <html>.
"use strict";
(() => {
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");

  function kept() {
    try {
      return window.localStorage.getItem("theme");
    } catch {
      return null; // A frame of another origin, or storage is off.
    }
  }

  function ofTheHost() {
    try {
      const classes = window.parent === window ? null : window.parent.document.documentElement.classList;
      return ["dark", "light"].find((theme) => classes?.contains(theme));
    } catch {
      return undefined;
    }
  }

  function show() {
    const theme = kept() ?? ofTheHost() ?? "system";
    const shown = theme === "system" ? (system.matches ? "dark" : "light") : theme;
    root.dataset.theme = shown === "dark" ? "dark" : "light";
  }

  show();
  system.addEventListener("change", show);
  window.addEventListener("storage", (event) => {
    if (event.key === "theme" || event.key === null) show();
  });
})();
