// One cursor through all charts over time: a line at the same moment in each, and the values there as text. A page whose charts
// are drawn anew starts it anew.
window.startCursor = (atMs = null) => {
  window.cursorListeners?.abort();
  const listeners = new AbortController();
  window.cursorListeners = listeners;
  const { endMs, readouts } = JSON.parse(document.getElementById("data").textContent);
  const block = document.querySelector(".timeline");
  if (block === null) return;
  const figures = [...block.querySelectorAll("figure.time")].map((figure) => {
    const line = document.createElement("div");
    line.className = "cursor";
    figure.querySelector(".plot").append(line);
    return { figure, line, output: figure.querySelector(".readout"), series: readouts[figure.dataset.figure] };
  });
  /** The visible chart of a figure: its element and its plot's edges as shares of the element's size. */
  const plotOf = ({ figure }) => {
    const svg = [...figure.querySelectorAll("svg")].find((candidate) => candidate.getBoundingClientRect().width > 0);
    if (!svg) return null;
    const [left, right, top, bottom] = svg.dataset.plot.split(" ").map(Number);
    const { width, height } = svg.viewBox.baseVal;
    return { svg, left: left / width, right: right / width, top: top / height, bottom: bottom / height };
  };

  const clock = (ms) => {
    const seconds = Math.floor(ms / 1000);
    const two = (n) => String(n).padStart(2, "0");
    const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60), seconds % 60];
    return h > 0 ? `${h}:${two(m % 60)}:${two(s)}` : `${m}:${two(s)}`;
  };

  const valueAt = ({ x, y, mode }) => {
    let low = 0;
    let high = x.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (x[middle] <= atMs) low = middle;
      else high = middle - 1;
    }
    if (x.length === 0 || (mode === "step" && x[low] > atMs)) return null;
    if (mode === "near" && low + 1 < x.length && x[low + 1] - atMs < atMs - x[low]) low++;
    return y[low];
  };

  const render = () => {
    for (const entry of figures) {
      const plot = plotOf(entry);
      if (plot === null) continue;
      const box = plot.svg.getBoundingClientRect();
      const share = plot.left + (plot.right - plot.left) * (atMs / endMs);
      entry.line.style.display = "block";
      entry.line.style.left = `${share * box.width}px`;
      entry.line.style.top = `${plot.top * box.height}px`;
      entry.line.style.height = `${(plot.bottom - plot.top) * box.height}px`;
      const parts = entry.series.map((series) => {
        const value = valueAt(series);
        const part = document.createElement("span");
        part.style.color = `var(--${series.colour})`;
        const name = document.createElement("i");
        name.textContent = `${series.name} `;
        part.append(
          name,
          value === null ? "–" : (series.words?.[value] ?? value.toLocaleString("en-US") + series.unit),
        );
        return part;
      });
      const time = document.createElement("span");
      time.className = "time";
      time.textContent = clock(atMs);
      entry.output.replaceChildren(time, ...parts);
    }
  };

  let scheduled = false;
  const moveTo = (ms) => {
    atMs = Math.min(endMs, Math.max(0, ms));
    window.cursorAtMs = atMs;
    if (scheduled) return;
    scheduled = true;
    requestAnimationFrame(() => {
      scheduled = false;
      render();
    });
  };

  const follow = (event) => {
    const entry = figures.find(({ figure }) => figure.contains(event.target)) ?? figures[0];
    const plot = plotOf(entry);
    if (plot === null) return;
    const box = plot.svg.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    moveTo(((share - plot.left) / (plot.right - plot.left)) * endMs);
  };
  block.addEventListener("pointermove", follow);
  block.addEventListener("pointerdown", follow);

  const openLastDecision = () => {
    const decisions = [...document.querySelectorAll("details.decision")];
    const last = decisions.findLast((details) => Number(details.dataset.at) <= atMs) ?? decisions[0];
    if (!last) return;
    last.open = true;
    last.scrollIntoView({ block: "center" });
    last.querySelector("summary").focus({ preventScroll: true });
  };
  block.addEventListener("dblclick", openLastDecision);
  block.addEventListener("keydown", (event) => {
    const now = atMs ?? 0;
    const step = endMs / (event.shiftKey ? 20 : 200);
    const targets = { ArrowRight: now + step, ArrowLeft: now - step, Home: 0, End: endMs };
    if (event.key in targets) moveTo(targets[event.key]);
    else if (event.key === "Enter" && atMs !== null) openLastDecision();
    else return;
    event.preventDefault();
  });
  window.addEventListener(
    "resize",
    () => {
      if (atMs !== null) moveTo(atMs);
    },
    { signal: listeners.signal },
  );
  if (atMs !== null) moveTo(atMs);
  // An opened decision puts the cursor on its moment.
  document.addEventListener(
    "toggle",
    ({ target }) => {
      if (target.open && target.matches("details.decision")) moveTo(Number(target.dataset.at));
    },
    { capture: true, signal: listeners.signal },
  );
};
window.startCursor();
