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
    link.hidden = true;
    if (apart) link.target = "_blank";
    host.body.append(link);
    link.click();
    link.remove();
  }

  // Airflow's form takes no values by address: the address of the tab beside it does, as restore_<field>.
  const PREFIX = "restore_";
  const TAB = "/plugin/recovery-of-dag";
  const WAIT_MS = 30_000;
  const DIALOG = '[role="dialog"][aria-modal="true"][data-state="open"]';

  function wanted() {
    // Airflow carries the query on to the run that the form has started.
    if (!window.parent.location.pathname.endsWith(TAB)) return {};
    const query = new URLSearchParams(window.parent.location.search);
    const fields = [...query].filter(([name]) => name.startsWith(PREFIX));
    return Object.fromEntries(fields.map(([name, value]) => [name.slice(PREFIX.length), value]));
  }

  async function opensTheForm() {
    const fields = wanted();
    const top = host.defaultView;
    // Once for each time that the address is opened: whoever closes the form and reads on is left alone.
    if (Object.keys(fields).length === 0 || top.munimentOpened === top.location.href) return;
    top.munimentOpened = top.location.href;
    try {
      (await comes(() => enabled('[data-testid="trigger-dag-button"]'))).click();
      await fill(fields);
    } catch (error) {
      // A form with other values than the page promised is worse than none.
      host.querySelector(`${DIALOG} [data-part="close-trigger"]`)?.click();
      sayWhatToFillIn(fields, error);
    }
  }

  // The form is React's, and keeps what its JSON editor says: that is told, as if a person had typed it and gone on.
  async function fill(fields) {
    const empty = await comes(() => editors().find((editor) => hasAll(editor.value, fields)));
    const filled = JSON.stringify({ ...JSON.parse(empty.value), ...fields }, null, 2);
    empty.onChange(filled);
    (await comes(() => editors().find((editor) => editor.value === filled))).onBlur();
    await comes(() => shows(fields));
  }

  function editors() {
    const found = host.querySelector(`${DIALOG} .monaco-editor`);
    const key = found && Object.keys(found.parentElement).find((name) => name.startsWith("__reactFiber$"));
    const editors = [];
    for (let fiber = key && found.parentElement[key]; fiber; fiber = fiber.return) {
      // React keeps two of each, and either may be the one of now.
      for (const props of [fiber.memoizedProps, fiber.alternate?.memoizedProps]) {
        if (isEditor(props)) editors.push(props);
      }
    }
    return editors;
  }

  function isEditor(props) {
    return typeof props?.value === "string" && typeof props.onChange === "function" && typeof props.onBlur === "function";
  }

  function hasAll(json, fields) {
    try {
      const values = JSON.parse(json);
      return Object.keys(fields).every((name) => Object.hasOwn(values, name));
    } catch {
      return false;
    }
  }

  function shows(fields) {
    const shown = Object.entries(fields).map(([name, value]) => [
      host.querySelector(`${DIALOG} input[name="element_${CSS.escape(name)}"]`),
      value,
    ]);
    return shown.every(([input, value]) => input === null || input.value === value);
  }

  function enabled(selector) {
    const element = host.querySelector(selector);
    return element?.disabled === false ? element : undefined;
  }

  async function comes(look) {
    for (const end = Date.now() + WAIT_MS; Date.now() < end; ) {
      const found = look();
      if (found) return found;
      await new Promise((wake) => setTimeout(wake, 50));
    }
    throw new Error("Airflow's page is not as it is known");
  }

  function sayWhatToFillIn(fields, error) {
    const said = document.createElement("p");
    said.className = "stale";
    said.setAttribute("role", "alert");
    const values = Object.entries(fields).map(([name, value]) => `${name}: ${value}`);
    said.textContent = `The form could not be filled in (${error.message}). Open it by Trigger; it asks for ${values.join(", ")}.`;
    document.querySelector("main").prepend(said);
  }

  if (host !== null) {
    document.addEventListener("click", opensOutside);
    document.addEventListener("auxclick", opensOutside);
    void opensTheForm();
  }
})();
