// Draws the page's content anew at every event of its server: what was open stays open, the cursor stays where it was.
(() => {
  const content = document.getElementById("content");
  const data = document.getElementById("data");
  let isBusy = false;
  let again = false;

  /** What a tick opens to never changes; a group that has grown is asked for anew. Groups come before what is in them. */
  const openAgain = async (fresh) => {
    for (const old of content.querySelectorAll("details[open][id]")) {
      const details = fresh.getElementById(old.id);
      if (details === null) continue;
      if (details.dataset.load !== undefined && details.dataset.filled === undefined) {
        if (details.dataset.size === undefined && old.dataset.filled !== undefined) {
          details.append(...[...old.children].slice(1).map((child) => child.cloneNode(true)));
          details.dataset.filled = "";
        } else await window.fillTicks(details);
      }
      details.open = true;
    }
  };

  const refresh = async () => {
    if (isBusy) {
      again = true;
      return;
    }
    isBusy = true;
    try {
      const answer = await fetch("content", { headers: { accept: "text/html" } });
      if (!answer.ok) return;
      const focused = document.activeElement?.closest(".timeline") !== null;
      const template = document.createElement("template");
      template.innerHTML = await answer.text();
      await openAgain(template.content);
      content.replaceChildren(template.content);
      const fresh = document.getElementById("content-data");
      if (fresh === null) return;
      data.textContent = fresh.textContent;
      window.startCursor(window.cursorAtMs ?? null);
      if (focused) document.querySelector(".timeline")?.focus({ preventScroll: true });
    } finally {
      isBusy = false;
      if (again) {
        again = false;
        void refresh();
      }
    }
  };

  new EventSource("events").addEventListener("tick", () => void refresh());
})();
