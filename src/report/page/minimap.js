// The overview: the whole run on one line, how much happened where, and the part that is seen.
//
//   p1 ▁▁▂▇▁▁▁▁▂▁   a lane per place; faults shaded; ticks where evidence is and where the search found
//
// It counts every event of the run, also those of which no details are told here.

const minimap = { canvas: byId("minimap"), still: document.createElement("canvas") };

function paintMinimap() {
  const { still: canvas } = minimap, ratio = window.devicePixelRatio || 1;
  const wide = minimap.canvas.clientWidth, high = minimap.canvas.clientHeight;
  canvas.width = minimap.canvas.width = Math.max(1, Math.round(wide * ratio));
  canvas.height = minimap.canvas.height = Math.max(1, Math.round(high * ratio));
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.fillStyle = colours.ground;
  pen.fillRect(0, 0, wide, high);
  const x = (at) => (Math.min(at, END) / END) * wide;
  for (const cut of background.cuts) {
    pen.fillStyle = colours.band;
    pen.fillRect(x(cut.since), 0, Math.max(2, x(cut.until ?? END) - x(cut.since)), high);
  }
  const lanes = ends.length, lane = Math.max(2, (high - 12) / lanes), slices = data.overview.slices;
  const most = Math.max(1, ...data.overview.counts.flat());
  for (let end = 0; end < lanes; end++) {
    const row = isClient(end) ? end - NODES : end + lanes - NODES, base = 6 + (row + 1) * lane - 1;
    const gone = [...background.down, ...background.paused].filter((one) => one.node === end);
    pen.fillStyle = colours.danger;
    for (const one of gone) pen.fillRect(x(one.since), base - 1.5, Math.max(1.5, x(one.until ?? END) - x(one.since)), 2);
    pen.fillStyle = colours["doubt-line"];
    for (const strip of strips) if (strip.node === end && strip.standsOut) pen.fillRect(x(strip.since), base - lane + 3, Math.max(2, x(strip.until) - x(strip.since)), Math.max(2, lane - 6));
    pen.fillStyle = colours.client;
    data.overview.counts[end].forEach((count, slice) => {
      if (!count) return;
      const tall = Math.max(1, (Math.log1p(count) / Math.log1p(most)) * (lane - 2));
      pen.fillRect((slice / slices) * wide, base - tall, Math.max(1, wide / slices - 0.2), tall);
    });
  }
  const tick = (at, colour) => { pen.fillStyle = colour; pen.fillRect(x(at) - 1, 0, 2, 5); pen.fillRect(x(at) - 1, high - 5, 2, 5); };
  if (view.q) for (const i of search(view.q).places) tick(E.at[i], colours.accent);
  for (let i = 0; i < E.n; i++) if (E.cited[i]) tick(E.at[i], colours.danger);
  paintWindow();
}

// The frame around what the diagram shows.
function paintWindow() {
  const { canvas, still } = minimap, { scroller, scale } = diagram, wide = canvas.clientWidth, ratio = window.devicePixelRatio || 1;
  const pen = canvas.getContext("2d");
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  if (still.width) pen.drawImage(still, 0, 0);
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  const from = atY(scale, scroller.scrollTop + 30), to = atY(scale, scroller.scrollTop + scroller.clientHeight);
  const x0 = (from / END) * wide, x1 = Math.max(x0 + 3, (to / END) * wide);
  pen.strokeStyle = colours.accent;
  pen.lineWidth = 2;
  pen.strokeRect(x0, 1, x1 - x0, canvas.clientHeight - 2);
  pen.fillStyle = colours.accent;
  pen.globalAlpha = 0.1;
  pen.fillRect(x0, 1, x1 - x0, canvas.clientHeight - 2);
  pen.globalAlpha = 1;
  if (view.e >= 0) {
    pen.fillStyle = colours.ink;
    pen.fillRect((E.at[view.e] / END) * wide - 0.5, 0, 1, canvas.clientHeight);
  }
}

function followPointer(event) {
  const box = minimap.canvas.getBoundingClientRect();
  const at = ((event.clientX - box.left) / box.width) * END;
  diagram.scroller.scrollTop = yAt(diagram.scale, at) - diagram.scroller.clientHeight / 2;
}
