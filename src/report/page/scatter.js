// Every request as a point on a canvas: kept ones as dots, missed ones as × (TTFT) and + (ITL), unanswered ones on the upper edge.
(() => {
  const { scatter: data, sla, endMs } = JSON.parse(document.getElementById("data").textContent);
  const canvas = document.getElementById("scatter");
  const readout = document.getElementById("scatter-readout");
  const note = document.getElementById("scatter-note");
  const choice = { x: document.getElementById("scatter-x"), y: document.getElementById("scatter-y") };

  const decode = (text) => {
    const raw = atob(text);
    const values = new Uint16Array(raw.length / 2);
    for (let i = 0; i < values.length; i++) values[i] = raw.charCodeAt(2 * i) | (raw.charCodeAt(2 * i + 1) << 8);
    return values;
  };
  const names = ["arrival", "ttft", "itl", "latency", "isl", "osl", "flags"];
  const raw = Object.fromEntries(names.map((name) => [name, decode(data[name])]));
  const count = data.shown;
  const unlog = (code) => 2 ** ((code - 1) / data.stepsPerOctave) - 1;
  const log = (value) => 1 + Math.log2(1 + value) * data.stepsPerOctave;
  const TTFT_MISSED = 1;
  const ITL_MISSED = 2;
  const NO_ANSWER = 4;

  const missed = [];
  for (let i = 0; i < count; i++) if (raw.flags[i] !== 0) missed.push(i);
  const having = (bit) => missed.filter((i) => raw.flags[i] & bit).length;
  const n = (value) => value.toLocaleString("en-US");
  const unanswered = having(NO_ANSWER);
  const some = data.shown < data.total ? `${n(data.shown)} of ${n(data.total)} requests, chosen evenly: ` : "";
  note.textContent = `${some}${n(count - missed.length)} kept both limits (dots), ${n(having(TTFT_MISSED))} missed the TTFT (×), ${n(having(ITL_MISSED))} missed the ITL (+)${unanswered === 0 ? "" : `, ${n(unanswered)} never got an answer to the end (marks at the top)`}`;

  const labels = {
    ttft: "TTFT (ms)",
    itl: "ITL (ms)",
    latency: "latency (ms)",
    isl: "input length (tokens)",
    osl: "output length (tokens)",
  };
  const limits = { ttft: sla.ttftMs, itl: sla.itlMs };
  let view = null;
  let chosen = -1;

  const range = (column) => {
    let low = 65535;
    let high = 0;
    for (let i = 0; i < count; i++) {
      const code = column[i];
      if (code === 0) continue;
      if (code < low) low = code;
      if (code > high) high = code;
    }
    return low <= high ? [low, high] : [0, 1];
  };

  const layout = () => {
    const ratio = window.devicePixelRatio || 1;
    const width = canvas.clientWidth;
    const height = canvas.clientHeight;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const plot = { left: 50, right: width - 12, top: 26, bottom: height - 38 };
    const [xName, yName] = [choice.x.value, choice.y.value];
    const limit = limits[yName] === undefined ? null : log(limits[yName]);
    let [yLow, yHigh] = range(raw[yName]);
    if (limit !== null) [yLow, yHigh] = [Math.min(yLow, limit), Math.max(yHigh, limit)];
    const pad = (yHigh - yLow) * 0.04 || 1;
    const [xLow, xHigh] = xName === "arrival" ? [0, 65535] : range(raw[xName]);
    const spread = xHigh - xLow || 1;
    return {
      ratio,
      width,
      height,
      plot,
      xName,
      yName,
      limit,
      yLow: yLow - pad,
      yHigh: yHigh + pad,
      xLow,
      xHigh,
      toX: (code) => plot.left + ((code - xLow) / spread) * (plot.right - plot.left),
      toY: (code) => plot.bottom - ((code - yLow + pad) / (yHigh - yLow + 2 * pad)) * (plot.bottom - plot.top),
    };
  };

  const logTicks = (lowCode, highCode) => {
    const [low, high] = [unlog(lowCode), unlog(highCode)];
    const ticks = [];
    for (let power = 0; 10 ** power <= high; power++) {
      for (const digit of [1, 2, 5]) {
        const value = digit * 10 ** power;
        if (value >= low && value <= high) ticks.push(value);
      }
    }
    if (ticks.length < 4) {
      const rough = (high - low) / 5;
      const power = 10 ** Math.floor(Math.log10(rough));
      const step = [1, 2, 5, 10].map((digit) => digit * power).find((candidate) => candidate >= rough);
      const first = Math.ceil(low / step);
      return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) =>
        Number(((first + i) * step).toPrecision(6)),
      );
    }
    return ticks.length > 9 ? ticks.filter((value) => Number.isInteger(Math.log10(value))) : ticks;
  };

  const timeTicks = () => {
    const [unitMs, unit] = endMs <= 180_000 ? [1000, "s"] : endMs <= 10_800_000 ? [60_000, "min"] : [3_600_000, "h"];
    const span = endMs / unitMs;
    const step = [0.5, 1, 2, 5, 10, 20, 30, 60, 120].find((candidate) => span / candidate <= 7) ?? Math.ceil(span / 6);
    const ticks = [];
    for (let value = 0; value <= span; value += step) ticks.push([(value * unitMs * 65535) / endMs, n(value)]);
    return { ticks, label: `time of arrival (${unit})` };
  };

  const draw = () => {
    view = layout();
    const { plot, ratio, width, height, toX, toY } = view;
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    const ink = canvas.getContext("2d");
    ink.setTransform(ratio, 0, 0, ratio, 0, 0);
    ink.clearRect(0, 0, width, height);
    ink.font = "11px Inter, system-ui, sans-serif";
    ink.lineWidth = 1;
    ink.strokeStyle = colour("grid");
    ink.fillStyle = colour("muted");
    ink.textAlign = "right";
    for (const value of logTicks(view.yLow, view.yHigh)) {
      const y = Math.floor(toY(log(value))) + 0.5;
      ink.beginPath();
      ink.moveTo(plot.left, y);
      ink.lineTo(plot.right, y);
      ink.stroke();
      ink.fillText(n(value), plot.left - 7, y + 4);
    }
    if (unanswered > 0) {
      // Beyond the scale, whatever is shown: not a value of it.
      ink.fillStyle = colour("limit");
      ink.fillText("never", plot.left - 7, plot.top + 1);
      ink.fillStyle = colour("muted");
    }
    ink.textAlign = "left";
    ink.fillText(`${labels[view.yName]}, logarithmic`, 0, 11);
    ink.textAlign = "center";
    const overTime = view.xName === "arrival" ? timeTicks() : null;
    const xTicks = overTime ? overTime.ticks : logTicks(view.xLow, view.xHigh).map((value) => [log(value), n(value)]);
    for (const [code, label] of xTicks) ink.fillText(label, toX(code), plot.bottom + 16);
    const xLabel = overTime ? overTime.label : `${labels[view.xName]}, logarithmic`;
    ink.fillText(xLabel, (plot.left + plot.right) / 2, plot.bottom + 33);

    const [xs, ys, flags] = [raw[view.xName], raw[view.yName], raw.flags];
    ink.fillStyle = colour(view.yName === "itl" ? "decode" : view.yName === "ttft" ? "prefill" : "ink");
    ink.globalAlpha = count > 20_000 ? 0.28 : count > 3_000 ? 0.45 : 0.7;
    const size = count > 20_000 ? 1.4 : 2.2;
    for (let i = 0; i < count; i++) {
      if (flags[i] === 0 && ys[i] > 0) ink.fillRect(toX(xs[i]) - size / 2, toY(ys[i]) - size / 2, size, size);
    }
    ink.globalAlpha = missed.length > 5_000 ? 0.5 : 0.9;
    ink.strokeStyle = colour("limit");
    ink.lineWidth = 1.2;
    ink.beginPath();
    for (const i of missed) {
      const x = toX(xs[i]);
      if (flags[i] & NO_ANSWER) {
        ink.moveTo(x, plot.top - 6);
        ink.lineTo(x, plot.top);
      } else if (ys[i] > 0) {
        const y = toY(ys[i]);
        if (flags[i] & TTFT_MISSED) {
          ink.moveTo(x - 2.5, y - 2.5);
          ink.lineTo(x + 2.5, y + 2.5);
          ink.moveTo(x - 2.5, y + 2.5);
          ink.lineTo(x + 2.5, y - 2.5);
        }
        if (flags[i] & ITL_MISSED) {
          ink.moveTo(x - 3.5, y);
          ink.lineTo(x + 3.5, y);
          ink.moveTo(x, y - 3.5);
          ink.lineTo(x, y + 3.5);
        }
      }
    }
    ink.stroke();
    ink.globalAlpha = 1;
    if (view.limit !== null) {
      const y = Math.round(toY(view.limit));
      ink.setLineDash([6, 4]);
      ink.lineWidth = 1.5;
      ink.beginPath();
      ink.moveTo(plot.left, y);
      ink.lineTo(plot.right, y);
      ink.stroke();
      ink.setLineDash([]);
      ink.font = "600 11.5px Inter, system-ui, sans-serif";
      ink.textAlign = "left";
      ink.lineWidth = 3;
      ink.strokeStyle = colour("card");
      const label = `SLA ${n(limits[view.yName])} ms`;
      ink.strokeText(label, plot.left + 6, y - 5);
      ink.fillStyle = colour("limit");
      ink.fillText(label, plot.left + 6, y - 5);
    }
    if (chosen >= 0) {
      ink.strokeStyle = colour("ink");
      ink.lineWidth = 2;
      ink.beginPath();
      const y = ys[chosen] > 0 ? toY(ys[chosen]) : plot.top - 3;
      ink.arc(toX(xs[chosen]), y, 7, 0, 2 * Math.PI);
      ink.stroke();
    }
  };

  const clock = (ms) => {
    const seconds = Math.floor(ms / 1000);
    return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  };
  const tell = (i) => {
    chosen = i;
    const value = (name) => n(Number(unlog(raw[name][i]).toPrecision(4)));
    const flags = raw.flags[i];
    const parts = [`arrived ${clock((raw.arrival[i] / 65535) * endMs)}`];
    if (flags & NO_ANSWER) parts.push("never got an answer to the end");
    else {
      const mark = (bit) => (flags & bit ? " (missed)" : "");
      parts.push(`TTFT ${value("ttft")} ms${mark(TTFT_MISSED)}`);
      if (raw.itl[i] > 0) parts.push(`ITL ${value("itl")} ms${mark(ITL_MISSED)}`);
      parts.push(`latency ${value("latency")} ms`);
    }
    parts.push(`${n(Math.round(unlog(raw.isl[i])))} tokens in, ${n(Math.round(unlog(raw.osl[i])))} out`);
    readout.textContent = parts.join(" · ");
    draw();
  };

  let waiting = false;
  canvas.addEventListener("pointermove", (event) => {
    if (waiting || view === null) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      const box = canvas.getBoundingClientRect();
      const [px, py] = [event.clientX - box.left, event.clientY - box.top];
      const [xs, ys] = [raw[view.xName], raw[view.yName]];
      let best = -1;
      let nearest = 400;
      for (let i = 0; i < count; i++) {
        const dx = view.toX(xs[i]) - px;
        if (dx > 20 || dx < -20) continue;
        const dy = (ys[i] > 0 ? view.toY(ys[i]) : view.plot.top - 3) - py;
        // A missed request is worth more than the kept ones around it.
        const distance = (dx * dx + dy * dy) * (raw.flags[i] === 0 ? 1 : 0.25);
        if (distance < nearest) [nearest, best] = [distance, i];
      }
      if (best >= 0 && best !== chosen) tell(best);
    });
  });
  canvas.addEventListener("keydown", (event) => {
    if (missed.length === 0 || (event.key !== "ArrowRight" && event.key !== "ArrowLeft")) return;
    const at = missed.indexOf(chosen);
    const step = event.key === "ArrowRight" ? 1 : -1;
    tell(missed[at < 0 ? 0 : (at + step + missed.length) % missed.length]);
    event.preventDefault();
  });
  choice.x.addEventListener("change", draw);
  choice.y.addEventListener("change", draw);
  window.addEventListener("themechange", draw);
  window.addEventListener("beforeprint", draw);
  window.addEventListener("afterprint", draw);
  new ResizeObserver(draw).observe(canvas);
  document.fonts.ready.then(draw);
})();
