// The way out of Airflow's frame. Its sandbox allows neither a new window nor a navigation of the top one from inside,
// but the frame is of the host's own origin: a link that stands in the host's document is the host's own.
"use strict";
(() => {
  const host = hostDocument();

  function hostDocument() {
    try {
      return window.parent === window ? null : window.parent.document;
    } catch {
      return null; // Framed by another origin.
    }
  }

  // Links with data-out lead into Airflow or to the documentation. Without a host they are plain links.
  function opensOutside(event) {
    const link = event.target.closest?.("a[data-out]");
    if (link === null || link === undefined || event.button > 1 || event.defaultPrevented) return;
    event.preventDefault();
    const apart = event.button === 1 || event.ctrlKey || event.metaKey || event.shiftKey;
    follow(link.href, apart || link.origin !== window.location.origin);
  }

  function follow(href, apart) {
    const link = host.createElement("a");
    link.href = href;
    link.rel = "noopener";
    if (apart) link.target = "_blank";
    link.hidden = true;
    host.body.append(link);
    link.click();
    link.remove();
  }

  // Airflow's form takes no values by address: the address of the tab beside it does, as restore_<field>.
  const PREFIX = "restore_";
  const WAIT_MS = 30_000;

  function wanted() {
    const query = new URLSearchParams(window.parent.location.search);
    const fields = [...query].filter(([name]) => name.startsWith(PREFIX));
    return Object.fromEntries(fields.map(([name, value]) => [name.slice(PREFIX.length), value]));
  }

  async function fillsTheForm() {
    const fields = wanted();
    const window_ = host.defaultView;
    // Once for each time that the address is opened: further pages in the frame are read, and nothing else.
    if (Object.keys(fields).length === 0 || window_.munimentFilled === window_.location.href) return;
    window_.munimentFilled = window_.location.href;
    (await appears('[data-testid="trigger-dag-button"]')).click();
  }

  function appears(selector) {
    return new Promise((found, lost) => {
      const look = () => {
        const element = host.querySelector(selector);
        if (element === null || element.disabled) return;
        watch.disconnect();
        clearTimeout(end);
        found(element);
      };
      const watch = new MutationObserver(look);
      watch.observe(host.body, { attributes: true, childList: true, subtree: true });
      const end = setTimeout(() => {
        watch.disconnect();
        lost(new Error(`Airflow's page shows no ${selector}`));
      }, WAIT_MS);
      look();
    });
  }

  if (host !== null) {
    document.addEventListener("click", opensOutside);
    document.addEventListener("auxclick", opensOutside);
    void fillsTheForm();
  }
})();
