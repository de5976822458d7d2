// Lifelines: thin when idle, hatched while in doubt, broken while down, dotted while paused.
//
//   p1 │      ▨ t15 5.06 s        a strip per transaction in doubt, side by side when several are
//      │      ▨                   the longest ones and those a violation cites stand out
//
// Where strips begin and end comes from the data and is asked of the scale; nothing else is drawn
// as blocked, so what a picture shows can be compared with the trace.

const STRIP = 10;

// The strips of a run: each doubt with its lane, and whether it stands out. In a lane a strip
// begins when the one before has ended; only those that stand out, few, are laid out before others.
const strips = (() => {
  const lengths = background.doubts.map((doubt) => (doubt.until ?? END) - doubt.since).sort((a, b) => a - b);
  const typical = lengths[lengths.length >> 1] || 0;
  const cited = new Set(background.checks.flatMap((check) => check.citations.flatMap((one) => one.says.match(/\b[a-z]\d+\b/g) || [])));
  const isLong = (doubt) => (doubt.until ?? END) - doubt.since > typical * (cited.has(doubt.about) ? 3 : 8);
  const held = new Map();
  for (const lock of background.locks) {
    const key = lock.node + " " + lock.about.split(" ", 1)[0];
    held.set(key, (held.get(key) || 0) + 1);
  }
  const free = new Map();
  const fits = (lane, since, until) => lane.upto <= since && lane.long.every((other) => other.until <= since || until <= other.since);
  // Those that stand out take the lifeline itself, the others what is left beside it.
  const order = background.doubts.map((doubt) => ({ doubt, standsOut: isLong(doubt) }));
  order.sort((a, b) => b.standsOut - a.standsOut || a.doubt.since - b.doubt.since);
  return order.map(({ doubt, standsOut }) => {
    const { node, about, since } = doubt, until = doubt.until ?? END;
    if (!free.has(node)) free.set(node, []);
    const lanes = free.get(node);
    let lane = lanes.findIndex((one) => fits(one, since, until));
    if (lane < 0) lane = lanes.push({ long: [], upto: 0 }) - 1;
    if (standsOut) lanes[lane].long.push({ since, until });
    else lanes[lane].upto = until;
    return { node, about, since, until, open: doubt.until === null, lane, length: until - since, standsOut, locks: held.get(`${node} ${about}`) || 0 };
  });
})();

let hatching = null;

function hatch(pen) {
  if (hatching && hatching.colour === colours["doubt-line"]) return hatching.pattern;
  const tile = document.createElement("canvas");
  tile.width = tile.height = 6;
  const small = tile.getContext("2d");
  small.strokeStyle = colours["doubt-line"];
  small.lineWidth = 1.3;
  for (const shift of [-6, 0, 6]) {
    small.beginPath();
    small.moveTo(shift, 6); small.lineTo(shift + 6, 0);
    small.stroke();
  }
  hatching = { colour: colours["doubt-line"], pattern: pen.createPattern(tile, "repeat") };
  return hatching.pattern;
}

function line(pen, x, above, below, colour, width, dash) {
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  pen.setLineDash(dash);
  pen.beginPath();
  pen.moveTo(x, above); pen.lineTo(x, below);
  pen.stroke();
  pen.setLineDash([]);
}

// Draws the lifeline of an endpoint between two heights of the layout.
function drawLifeline(pen, scale, end, x, above, below, top) {
  const bottom = Math.min(below, scale.bottom + 20);
  const gaps = [...background.down.map((one) => [one, "down"]), ...background.paused.map((one) => [one, "paused"])]
    .filter(([one]) => one.node === end)
    .map(([one, what]) => ({ what, y0: yAt(scale, one.since), y1: one.until === null ? bottom : yAt(scale, one.until) }))
    .filter((gap) => gap.y1 > above && gap.y0 < below).sort((a, b) => a.y0 - b.y0);
  let y = Math.max(above, TOP - 22);
  for (const gap of gaps) {
    if (gap.y0 > y) line(pen, x, y - top, gap.y0 - top, colours.line, 1.3, []);
    const from = Math.max(gap.y0, above) - top, to = Math.min(gap.y1, bottom) - top;
    if (gap.what === "down") {
      pen.fillStyle = colours.band;
      pen.fillRect(x - 14, from, 28, to - from);
      line(pen, x, from, to, colours.danger, 2, [2, 6]);
    } else line(pen, x, from, to, colours.line, 2.4, [1, 5]);
    y = Math.max(y, gap.y1);
  }
  if (y < bottom) line(pen, x, y - top, bottom - top, colours.line, 1.3, []);
}

// Draws the strips of an endpoint, and gives them with their heights.
function drawStrips(pen, scale, end, x, above, below, top, labels) {
  const drawn = [], about = view.f.split(",").map((word) => word.trim()).filter(Boolean);
  for (const strip of strips) {
    if (strip.node !== end || about.length && !about.includes(strip.about)) continue;
    const y0 = yAt(scale, strip.since), y1 = Math.max(y0 + 2, strip.open ? scale.bottom + 20 : yAt(scale, strip.until));
    if (y1 < above || y0 > below) continue;
    const left = x - STRIP / 2 - strip.lane * (STRIP + 3);
    const from = Math.max(y0, above - 20) - top, to = Math.min(y1, below + 20) - top;
    pen.fillStyle = colours.doubt;
    pen.globalAlpha = strip.standsOut ? 1 : 0.45;
    pen.fillRect(left, from, STRIP, to - from);
    pen.fillStyle = hatch(pen);
    pen.fillRect(left, from, STRIP, to - from);
    pen.strokeStyle = colours["doubt-line"];
    pen.lineWidth = strip.standsOut ? 2 : 0.8;
    pen.strokeRect(left, y0 - top, STRIP, y1 - y0);
    pen.globalAlpha = 1;
    drawn.push({ ...strip, y0, y1 });
    const seen = Math.min(y1, below - 8) - Math.max(y0, above + TOP - 10);
    if (labels && strip.standsOut && seen > 34) {
      const middle = (Math.min(y1, below - 8) + Math.max(y0, above + TOP - 10)) / 2 - top;
      const plate = { font: "bold 11px system-ui, sans-serif", align: "right", plate: colours.doubt, must: true, last: true };
      labels.place(`${strip.about} ${span(strip.length)}`, left - 5, middle, plate);
      if (strip.locks && seen > 60) labels.place(strip.locks === 1 ? "1 lock held" : strip.locks + " locks held", left - 5, middle + 16, { ...plate, font: FONT });
      for (const [y, at] of [[y0, strip.since], [y1, strip.until]]) {
        if (y > above + TOP && y < below && seen > 90) labels.place(instant(at, 3), left - 5, y - top, { ...plate, font: FONT, must: false });
      }
    }
  }
  return drawn;
}
