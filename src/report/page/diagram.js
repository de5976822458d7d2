// The diagram: time runs down, a column per client and node, drawn for the part that is seen.
//
//   scroller ── tall (as high as the run) ── canvas (as large as the window, sticks to it)
//
// One frame draws what crosses the window, back to front: bands, lifelines, strips, operations,
// messages, shapes, texts. Where things stand is computed once per change of the view.

const LEFT = 92, MARGIN = 150;

const diagram = {
  canvas: byId("canvas"), scroller: byId("scroller"), tall: byId("tall"),
  shown: new Int32Array(0), scale: null, column: [], order: [], arrows: null, cone: null, width: 0, drawn: [], pending: false,
};

// Lays everything out anew, and keeps the instant in the middle where it is.
function layOut() {
  const d = diagram, room = Math.max(200, d.scroller.clientHeight);
  const middle = d.scale ? atY(d.scale, d.scroller.scrollTop + room / 2) : null;
  d.shown = shownEvents();
  d.scale = scaleOf(d.shown, view.s, view.z, room);
  const clients = ends.map((_, end) => end).filter(isClient), nodes = ends.map((_, end) => end).filter((end) => !isClient(end));
  d.order = [...clients, ...nodes].filter((end) => !view.hide.includes(end));
  const spacing = Math.max(118, (d.scroller.clientWidth - LEFT - 40 - MARGIN) / Math.max(1, d.order.length - 1));
  d.column = [];
  d.order.forEach((end, place) => { d.column[end] = LEFT + 40 + place * spacing; });
  d.spacing = spacing;
  d.width = Math.max(d.scroller.clientWidth, LEFT + 40 + (d.order.length - 1) * spacing + MARGIN);
  d.arrows = arrowsOf(d.scale, d.column);
  d.tall.style.height = Math.max(room, d.scale.height) + "px";
  d.tall.style.width = d.width + "px";
  if (middle !== null) d.scroller.scrollTop = yAt(d.scale, middle) - room / 2;
  redraw();
}

function redraw() {
  if (diagram.pending) return;
  diagram.pending = true;
  requestAnimationFrame(() => { diagram.pending = false; paint(); });
}

const xOf = (i) => diagram.column[E.who[i]] + (diagram.scale.kind === "time" ? 0 : diagram.scale.slot[i] * SLOT);

// The place of the first shown event at or below a height.
function placeAt(height) {
  const { shown, scale } = diagram;
  let low = 0, high = shown.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (scale.y[shown[middle]] < height) low = middle + 1; else high = middle;
  }
  return low;
}

function alphaOf(i) {
  const cone = diagram.cone;
  if (!cone || !view.cone) return 1;
  const kept = view.cone === "past" ? cone[i] === 1 : view.cone === "future" ? cone[i] === 2 : cone[i] === 0;
  return kept || cone[i] === 3 ? 1 : 0.14;
}

function paint() {
  const d = diagram, { canvas, scroller, scale } = d, ratio = window.devicePixelRatio || 1;
  const wide = scroller.clientWidth, high = scroller.clientHeight;
  if (canvas.width !== Math.round(wide * ratio) || canvas.height !== Math.round(high * ratio)) {
    canvas.width = Math.round(wide * ratio);
    canvas.height = Math.round(high * ratio);
    canvas.style.width = wide + "px";
    canvas.style.height = high + "px";
  }
  const pen = canvas.getContext("2d"), top = scroller.scrollTop, left = scroller.scrollLeft, bottom = top + high;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.fillStyle = colours.ground;
  pen.fillRect(0, 0, wide, high);
  pen.save();
  pen.translate(-left, 0);
  const labels = new Labels(pen), first = placeAt(top - 30), last = placeAt(bottom + 30);
  const isDense = last - first > 1500;
  paintBands(pen, top, bottom, labels);
  paintRows(pen, first, last, top);
  for (const end of d.order) drawLifeline(pen, scale, end, d.column[end], top, bottom, top);
  d.drawn = d.order.flatMap((end) => drawStrips(pen, scale, end, d.column[end], top, bottom, top, labels));
  paintOperations(pen, top, bottom, isDense);
  paintSilences(pen, top, bottom, labels);
  if (!isDense) paintLocals(pen, first, last, top, labels);
  paintArrows(pen, top, bottom, isDense ? null : labels);
  paintShapes(pen, first, last, top, isDense);
  labels.finish();
  pen.restore();
  paintTimes(pen, top, bottom, left);
  paintNames(pen, left, wide);
  paintWindow();
}

function paintBands(pen, top, bottom, labels) {
  const right = diagram.width - MARGIN + 34;
  let low = -1;
  for (const cut of background.cuts) {
    const y0 = yAt(diagram.scale, cut.since), y1 = cut.until === null ? diagram.scale.bottom : yAt(diagram.scale, cut.until);
    if (y1 < top || y0 > bottom) continue;
    pen.fillStyle = colours.band;
    pen.fillRect(LEFT, y0 - top, right - LEFT, y1 - y0);
    pen.strokeStyle = colours.danger;
    pen.lineWidth = 1.6;
    pen.beginPath();
    pen.moveTo(right - 6, y0 - top); pen.lineTo(right, y0 - top); pen.lineTo(right, y1 - top); pen.lineTo(right - 6, y1 - top);
    pen.stroke();
    const y = Math.max(low, (Math.max(y0, top + TOP) + Math.min(y1, bottom)) / 2 - top);
    labels.place(clip("≠ " + cut.about, 16), right + 6, y, { colour: colours.danger, must: true });
    low = y + 16;
  }
  if (background.healed !== null) {
    const y = yAt(diagram.scale, background.healed);
    if (y > top && y < bottom) line2(pen, LEFT, right, y - top, colours.boot, [6, 4]);
  }
}

function line2(pen, x0, x1, y, colour, dash) {
  pen.strokeStyle = colour;
  pen.lineWidth = 1.2;
  pen.setLineDash(dash);
  pen.beginPath();
  pen.moveTo(x0, y); pen.lineTo(x1, y);
  pen.stroke();
  pen.setLineDash([]);
}

// Rows that matter: cited, found, selected; and what happens everywhere.
function paintRows(pen, first, last, top) {
  const { shown, scale, width } = diagram, right = width - MARGIN + 34;
  const found = view.q ? search(view.q).marks : null;
  for (let k = first; k < last; k++) {
    const i = shown[k], y = scale.y[i] - top;
    if (E.cited[i] || found && found[i]) {
      pen.fillStyle = E.cited[i] ? colours.cited : colours.raised;
      pen.fillRect(LEFT, y - 9, right - LEFT, 18);
    }
    if (isEverywhere(i)) line2(pen, LEFT, right, y, codeOf(i) === "Mend" || codeOf(i) === "Heal" ? colours.boot : colours.danger, [2, 4]);
    if (i === view.e) {
      pen.strokeStyle = colours.accent;
      pen.lineWidth = 1.6;
      pen.strokeRect(1, y - 9, width - 2, 18);
    }
  }
}

function paintOperations(pen, top, bottom, isDense) {
  const fills = { ok: "accent", "not done": "m1", unknown: "danger", open: "danger" };
  for (const operation of background.operations) {
    const x = diagram.column[operation.client], index = indexOf(operation.event);
    if (x === undefined || !isDense && diagram.scale.kind !== "time" && !(isTold(index) && !Number.isNaN(diagram.scale.y[index]))) continue;
    const y0 = yAt(diagram.scale, operation.since), y1 = operation.until === null ? diagram.scale.bottom : yAt(diagram.scale, operation.until);
    if (y1 < top || y0 > bottom) continue;
    pen.strokeStyle = pen.fillStyle = colours[fills[operation.fate]];
    pen.lineWidth = 1.2;
    pen.setLineDash(operation.fate === "unknown" || operation.fate === "open" ? [3, 2] : []);
    pen.globalAlpha = 0.22;
    pen.fillRect(x - 3.5, y0 - top, 7, Math.max(1, y1 - y0));
    pen.globalAlpha = isDense ? 0.2 : 1;
    pen.strokeRect(x - 3.5, y0 - top, 7, Math.max(1, y1 - y0));
    pen.globalAlpha = 1;
    pen.setLineDash([]);
  }
}

function paintSilences(pen, top, bottom, labels) {
  for (const silence of diagram.scale.silences) {
    if (silence.y < top - 20 || silence.y > bottom + 20) continue;
    const y = silence.y - top;
    pen.strokeStyle = colours.faint;
    pen.lineWidth = 1.1;
    pen.beginPath();
    for (let x = LEFT, up = 0; x <= diagram.width - MARGIN + 34; x += 9, up = 1 - up) pen.lineTo(x, y + (up ? -3 : 3));
    pen.stroke();
    labels.place(`⋯ ${span(silence.span)} ⋯`, LEFT - 2, y, { align: "right", colour: colours.faint, must: true });
  }
}

// What happens at one place, in words beside it, where there is room up to the next column.
function paintLocals(pen, first, last, top, labels) {
  const { shown, scale, column, order } = diagram;
  const told = new Set(["Force", "Write", "Timer", "Crash", "Boot", "Pause", "Resume", "Disturb", "Sync", "SyncFailed"]);
  for (let k = first; k < last; k++) {
    const i = shown[k], code = codeOf(i).split("(")[0];
    if (isEverywhere(i)) {
      labels.place(clip(textOf(i), 60), LEFT + 4, scale.y[i] - top - 9, { colour: colours.faint });
      continue;
    }
    if (!told.has(code) || column[E.who[i]] === undefined || code === "Boot" && E.at[i] === 0) continue;
    let end = k;
    while (end + 1 < last && scale.y[shown[end + 1]] === scale.y[i] && E.who[shown[end + 1]] === E.who[i]) end++;
    const x = xOf(shown[end]) + 10, next = order[order.indexOf(E.who[i]) + 1];
    const room = (next === undefined ? x + MARGIN - 20 : column[next] - 12) - x;
    pen.font = MONO;
    const text = clip(textOf(i).replace(/^forces /, ""), Math.floor(room / 6.4));
    pen.globalAlpha = alphaOf(i);
    if (text.length > 3) labels.place(text, x, scale.y[i] - top, { font: MONO, colour: code === "Crash" ? colours.danger : colours.faint });
    pen.globalAlpha = 1;
  }
}

function paintArrows(pen, top, bottom, labels) {
  const { arrows, column, scale } = diagram;
  let count = 0;
  for (const arrow of arrowsIn(arrows, top - 10, bottom + 10)) {
    if (++count > 6000) break;
    const shift = (i) => scale.kind === "time" || Number.isNaN(scale.y[i]) ? 0 : scale.slot[i] * SLOT;
    const x0 = column[E.who[arrow.sent]] + shift(arrow.sent);
    const to = isLoss(arrow.arrival) ? column[E.peer[arrow.sent]] : column[E.who[arrow.arrival]] + shift(arrow.arrival);
    pen.globalAlpha = labels ? Math.min(alphaOf(arrow.sent), alphaOf(arrow.arrival)) : 0.25;
    drawArrow(pen, arrow, [x0, arrow.y0 - top], [to, arrow.y1 - top], labels);
  }
  pen.globalAlpha = 1;
}

function paintShapes(pen, first, last, top, isDense) {
  const { shown, scale, column } = diagram;
  for (let k = first; k < last; k++) {
    const i = shown[k];
    if (isEverywhere(i) || column[E.who[i]] === undefined || isLoss(i) && E.sent[i] >= 0 && i !== view.e) continue;
    const x = xOf(i), y = scale.y[i] - top;
    pen.globalAlpha = alphaOf(i);
    if (!isDense || ["Crash", "Boot"].includes(codeOf(i))) drawShape(pen, i, x, y);
    if (E.cited[i] || i === view.e) {
      pen.strokeStyle = i === view.e ? colours.accent : colours["doubt-line"];
      pen.lineWidth = 2.2;
      pen.beginPath();
      pen.arc(x, y, 9.5, 0, 7);
      pen.stroke();
    }
    pen.globalAlpha = 1;
  }
}

function paintTimes(pen, top, bottom, left) {
  const { at, y } = diagram.scale.rows;
  pen.fillStyle = colours.ground;
  if (left > 0) pen.fillRect(0, 0, LEFT - 12, bottom - top);
  pen.fillStyle = colours.faint;
  pen.font = FONT;
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  let low = -Infinity, before = "";
  let k = Math.max(0, lowerBound(y, top) - 1);
  for (; k < y.length && y[k] < bottom; k++) {
    if (y[k] < low + 17 || y[k] < top + 30 || k > 0 && at[k] === at[k - 1]) continue;
    const near = k > 0 && at[k] - at[k - 1] < 1e6 || k + 1 < at.length && at[k + 1] - at[k] < 1e6;
    const text = instant(at[k], near ? 6 : 3);
    if (text === before) continue;
    pen.fillText(text, LEFT - 14, y[k] - top);
    low = y[k];
    before = text;
  }
}

function lowerBound(list, value) {
  let low = 0, high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle] < value) low = middle + 1; else high = middle;
  }
  return low;
}

function paintNames(pen, left, wide) {
  pen.fillStyle = colours.ground;
  pen.fillRect(0, 0, wide, 28);
  pen.fillStyle = colours.line;
  pen.fillRect(0, 28, wide, 1);
  pen.font = "600 12px system-ui, 'DejaVu Sans', sans-serif";
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  for (const end of diagram.order) {
    const name = clip(ends[end].name, Math.floor(diagram.spacing / 8)), x = diagram.column[end] - left;
    const room = pen.measureText(name).width + 16;
    pen.fillStyle = colours.raised;
    pen.fillRect(x - room / 2, 5, room, 19);
    pen.fillStyle = colours.ink;
    pen.fillText(name, x, 15);
  }
}

// The event at a point of the window, or the arrival of the message there; −1 for none.
function hit(x, y) {
  const { scale, shown, scroller, column, arrows } = diagram;
  const px = x + scroller.scrollLeft, py = y + scroller.scrollTop;
  let best = -1, distance = 10;
  for (let k = placeAt(py - 10); k < shown.length && scale.y[shown[k]] <= py + 10; k++) {
    const i = shown[k], far = isEverywhere(i) ? Math.abs(scale.y[i] - py) + 4 : Math.hypot(xOf(i) - px, scale.y[i] - py);
    if (far < distance) [best, distance] = [i, far];
  }
  if (best >= 0) return best;
  distance = 5;
  for (const arrow of arrowsIn(arrows, py, py)) {
    const x0 = column[E.who[arrow.sent]], x1 = column[E.peer[arrow.sent]];
    const share = (py - arrow.y0) / Math.max(1, arrow.y1 - arrow.y0), far = Math.abs(x0 + (x1 - x0) * share - px);
    if (share >= 0 && share <= 1 && far < distance) [best, distance] = [arrow.arrival, far];
  }
  return best;
}

// Scrolls so that an event is seen; when it is hidden, to its instant.
function reveal(i, share = 0.5) {
  const { scroller, scale } = diagram, y = Number.isNaN(scale.y[i]) ? yAt(scale, E.at[i]) : scale.y[i];
  if (y < scroller.scrollTop + 60 || y > scroller.scrollTop + scroller.clientHeight - 40) {
    scroller.scrollTop = y - scroller.clientHeight * share;
  }
  const x = diagram.column[E.who[i]];
  if (x !== undefined && (x < scroller.scrollLeft + LEFT || x > scroller.scrollLeft + scroller.clientWidth - 30)) {
    scroller.scrollLeft = x - scroller.clientWidth / 2;
  }
}
