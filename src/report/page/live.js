// Draws the page's content anew at every event of its server: what was open stays open, the cursor stays where it was.
(() => {
  const content = document.getElementById("content");
  const data = document.getElementById("data");
  let isBusy = false;
  let again = false;

  const refresh = async () => {
    if (isBusy) {
      again = true;
      return;
    }
    isBusy = true;
    try {
      const answer = await fetch("content", { headers: { accept: "text/html" } });
      if (!answer.ok) return;
      const open = [...content.querySelectorAll("details[open][id]")].map(({ id }) => id);
      const focused = document.activeElement?.closest(".timeline") !== null;
      content.innerHTML = await answer.text();
      const fresh = document.getElementById("content-data");
      if (fresh === null) return;
      data.textContent = fresh.textContent;
      for (const id of open) document.getElementById(id)?.setAttribute("open", "");
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
