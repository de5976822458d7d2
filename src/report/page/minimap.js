// The overview: the whole run on one line, how much happened where, and the part that is seen.
//
//   p1 ▁▁▂▇▬▬▬t15 5.06 s▬▬▬▂▁   a lane per place, with its name; what blocks for long is a bar in it
//
// Faults are shaded; ticks stand where evidence is and where the search found something. It counts
// every event of the run, also those of which no details are told here.

const minimap = { canvas: byId("minimap"), still: document.createElement("canvas"), bars: [] };

function paintMinimap() {
  const { still: canvas } = minimap, ratio = window.devicePixelRatio || 1;
  minimap.canvas.style.height = Math.min(230, 12 + Math.max(9, Math.min(15, 220 / ends.length)) * ends.length) + "px";
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
    const base = 6 + (laneOf(end) + 1) * lane - 1;
    const gone = background.paused.filter((one) => one.node === end);
    pen.fillStyle = colours.danger;
    for (const one of gone) pen.fillRect(x(one.since), base - 1.5, Math.max(1.5, x(one.until ?? END) - x(one.since)), 2);
    pen.fillStyle = colours.client;
    data.overview.counts[end].forEach((count, slice) => {
      if (!count) return;
      const tall = Math.max(1, (Math.log1p(count) / Math.log1p(most)) * (lane - 2));
      pen.fillRect((slice / slices) * wide, base - tall, Math.max(1, wide / slices - 0.2), tall);
    });
  }
  paintBars(pen, x, lane);
  const tick = (at, colour) => { pen.fillStyle = colour; pen.fillRect(x(at) - 1, 0, 2, 5); pen.fillRect(x(at) - 1, high - 5, 2, 5); };
  if (view.q) for (const i of search(view.q).places) tick(E.at[i], colours.accent);
  for (let i = 0; i < E.n; i++) if (E.cited[i]) tick(E.at[i], colours.danger);
  paintWindow();
}

// The lane of an endpoint: clients come first, as in the diagram.
const laneOf = (end) => isClient(end) ? end - NODES : end + ends.length - NODES;

// What blocks for long: from when to when, about what, for how long; and whose lane it is.
function paintBars(pen, x, lane) {
  const say = (text, left, y, colour, ground) => {
    const room = pen.measureText(text).width;
    pen.fillStyle = ground;
    pen.fillRect(left - 2, y - lane / 2 + 1, room + 4, lane - 2);
    pen.fillStyle = colour;
    pen.fillText(text, left, y + 0.5);
    return room;
  };
  pen.font = `600 ${Math.min(11, lane - 2)}px system-ui, 'DejaVu Sans', sans-serif`;
  pen.textAlign = "left";
  pen.textBaseline = "middle";
  const down = background.down.map((one) => ({ ...one, about: "down", until: one.until ?? END }));
  minimap.bars = [];
  for (const one of [...down, ...strips.filter((strip) => strip.standsOut)]) {
    const isDown = one.about === "down", [fill, edge] = isDown ? ["ground", "danger"] : ["doubt", "doubt-line"];
    const middle = 6 + (laneOf(one.node) + 0.5) * lane, from = x(one.since), room = Math.max(2, x(one.until) - from);
    pen.fillStyle = colours[fill];
    pen.fillRect(from, middle - lane / 2 + 1.5, room, lane - 3);
    pen.strokeStyle = colours[edge];
    pen.lineWidth = 1.2;
    pen.setLineDash(isDown ? [3, 3] : []);
    pen.strokeRect(from, middle - lane / 2 + 1.5, room, lane - 3);
    pen.setLineDash([]);
    const text = `${one.about}  ${instant(one.since, 2)} – ${instant(one.until, 2)}`, wide = pen.measureText(text).width;
    if (lane >= 10 && wide + 40 < room) say(text, from + room / 2 - wide / 2, middle, colours[isDown ? "danger" : "ink"], colours[fill]);
    minimap.bars.push({ node: ends[one.node].name, about: one.about, since: one.since, until: one.until, x0: from, x1: from + room, y: middle, text });
  }
  pen.globalAlpha = 0.9;
  ends.forEach((end, place) => { if (lane >= 10) say(clip(end.name, 14), 7, 6 + (laneOf(place) + 0.5) * lane, colours.faint, colours.ground); });
  pen.globalAlpha = 1;
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
