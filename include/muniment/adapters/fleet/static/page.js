// What HTML cannot do by itself. Without this file each page still shows and leads to everything.
"use strict";
(() => {
  // Arrow keys go along the marks of a time line, in the order of the document: [data-marks] holds links. The listeners
  // are the document's: Chromium lets Tab stop at an <svg> that listens to the focus itself.
  function marksAround(element) {
    const line = element.closest("[data-marks]");
    const marks = line === null ? [] : marksOf(line);
    return [marks, marks.indexOf(element.closest("a"))];
  }

  function marksOf(line) {
    return [...line.querySelectorAll("a[href]")];
  }

  // One stop for Tab, however many marks there are: the last one, or the one that was left.
  function stopAt(marks, here) {
    marks.forEach((mark, at) => mark.setAttribute("tabindex", at === here ? "0" : "-1"));
  }

  function walk(event) {
    const [marks, here] = marksAround(event.target);
    const plain = !(event.altKey || event.ctrlKey || event.metaKey || event.shiftKey);
    const next = { ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: marks.length - 1 }[event.key];
    if (here < 0 || !plain || next === undefined) return;
    event.preventDefault();
    marks[Math.min(Math.max(next, 0), marks.length - 1)].focus();
  }

  function remember(event) {
    const [marks, here] = marksAround(event.target);
    if (here >= 0) stopAt(marks, here);
  }

  // A click on [data-timeline] asks for the instant under the pointer: data-from and data-to are those of the left and
  // right edge of its [data-span] (or of itself), data-at the address with {instant} in it.
  function leadsToInstants(line) {
    const span = line.querySelector("[data-span]") ?? line;
    const told = line.querySelector("[data-pointed]");
    line.addEventListener("click", (event) => {
      const at = instantUnder(line, span, event.clientX);
      if (at === null || event.target.closest("a") !== null) return;
      window.location.assign(line.dataset.at.replace("{instant}", encodeURIComponent(at)));
    });
    if (told === null) return;
    line.addEventListener("pointermove", (event) => {
      const at = instantUnder(line, span, event.clientX);
      told.textContent = at === null ? "" : `${at.replace("T", " ").replace("Z", "")} UTC`;
    });
    line.addEventListener("pointerleave", () => {
      told.textContent = "";
    });
  }

  function instantUnder(line, span, x) {
    const box = span.getBoundingClientRect();
    const from = Date.parse(line.dataset.from);
    const to = Date.parse(line.dataset.to);
    const share = (x - box.left) / box.width;
    if (!(share >= 0 && share <= 1) || Number.isNaN(from) || Number.isNaN(to)) return null;
    const seconds = Math.round((from + share * (to - from)) / 1000);
    return new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
  }

  document.addEventListener("keydown", walk);
  document.addEventListener("focusin", remember);
  for (const line of document.querySelectorAll("[data-marks]")) {
    const marks = marksOf(line);
    stopAt(marks, marks.length - 1);
  }
  document.querySelectorAll("[data-timeline]").forEach(leadsToInstants);
})();
