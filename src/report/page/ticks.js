// Brings what an element with `data-load` opens to when it is opened: out of the page itself, or from its server.
(() => {
  let unpacked = null;

  const unpack = async () => {
    const bytes = Uint8Array.from(atob(document.getElementById("fragments").textContent), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).json();
  };

  const fetched = async (key) => {
    const answer = await fetch(`ticks/${key}`, { headers: { accept: "text/html" } });
    return answer.ok ? answer.text() : null;
  };

  const fragment = async (key) => {
    if (document.getElementById("fragments") === null) return fetched(key);
    unpacked ??= unpack();
    return (await unpacked)[key] ?? null;
  };

  /** Fills an element that is not filled yet. */
  window.fillTicks = async (details) => {
    if (details.dataset.filled !== undefined) return;
    details.dataset.filled = "";
    let html = null;
    try {
      html = await fragment(details.dataset.load);
    } catch {
      // Told below.
    }
    if (html === null) delete details.dataset.filled;
    for (const old of details.querySelectorAll(":scope > :not(summary)")) old.remove();
    details.insertAdjacentHTML("beforeend", html ?? '<p class="note">This can\'t be shown now: the log has it.</p>');
  };

  // `toggle` does not bubble, but it can be caught on its way down.
  document.addEventListener(
    "toggle",
    ({ target }) => {
      if (target.open && target.dataset.load !== undefined) void window.fillTicks(target);
    },
    true,
  );
})();
