// Messages: solid when delivered, dashed with ╳ when lost, double for a copy, dotted when late.
//
// A frame draws those that cross it. They stand in blocks of some hundred with the heights that
// each block covers, so that a frame of a long run looks at a few blocks and not at every message.

const BLOCK = 256;

// All arrows of a layout: from, to, in the order of sending, with their blocks; and the bridges
// that stand for what went through hidden places.
function arrowsOf(scale, column) {
  const list = [];
  const seen = (i) => i >= 0 && !Number.isNaN(scale.y[i]);
  for (const [sent, arrivals] of E.arrivals) {
    for (const arrival of arrivals) {
      if (E.who[sent] === E.peer[sent] || column[E.peer[sent]] === undefined || column[E.who[sent]] === undefined) continue;
      if (seen(sent) || seen(arrival)) list.push({ sent, arrival, kind: kindOf(arrival) });
    }
  }
  for (let i = 0; i < E.n; i++) {
    if (codeOf(i) !== "Deliver" || !seen(i) || E.sent[i] < 0 || column[E.who[E.sent[i]]] !== undefined) continue;
    const from = beyond(E.sent[i], seen);
    if (from >= 0 && E.who[from] !== E.who[i]) list.push({ sent: from, arrival: i, kind: "bridge" });
  }
  for (const arrow of list) {
    arrow.y0 = seen(arrow.sent) ? scale.y[arrow.sent] : yAt(scale, E.at[arrow.sent]);
    arrow.y1 = seen(arrow.arrival) ? scale.y[arrow.arrival] : yAt(scale, E.at[arrow.arrival]);
  }
  list.sort((a, b) => a.y0 - b.y0 || a.sent - b.sent);
  const blocks = [];
  for (let k = 0; k < list.length; k += BLOCK) {
    const part = list.slice(k, k + BLOCK);
    blocks.push({ from: k, y0: part[0].y0, y1: Math.max(...part.map((arrow) => arrow.y1)) });
  }
  return { list, blocks };
}

function kindOf(arrival) {
  if (isLoss(arrival)) return "lost";
  return E.copy[arrival] ? "copy" : E.late[arrival] ? "late" : "delivered";
}

// From a send of a hidden place back along causes to the last event that is shown.
function beyond(sent, seen) {
  for (let i = sent, steps = 0; i >= 0 && steps < 200; i = E.sent[i] >= 0 ? E.sent[i] : E.cause[i], steps++) {
    if (seen(i)) return i;
  }
  return -1;
}

function* arrowsIn(arrows, above, below) {
  for (const block of arrows.blocks) {
    if (block.y1 < above || block.y0 > below) continue;
    const last = Math.min(block.from + BLOCK, arrows.list.length);
    for (let k = block.from; k < last; k++) {
      const arrow = arrows.list[k];
      if (arrow.y1 >= above && arrow.y0 <= below) yield arrow;
    }
  }
}

function drawArrow(pen, arrow, [x0, y0], [x1, y1], labels) {
  const colour = arrow.kind === "bridge" ? colours.faint : messageColour(arrow.sent);
  const isLost = arrow.kind === "lost";
  if (isLost) {
    const reach = y1 - y0 < 8 ? 0.45 : 0.8;
    x1 = x0 + (x1 - x0) * reach;
    y1 = Math.max(y1, y0 + 8);
  }
  const length = Math.hypot(x1 - x0, y1 - y0) || 1, dx = (x1 - x0) / length, dy = (y1 - y0) / length;
  const end = isLost ? 0 : 6, a = [x0 + dx * 5, y0 + dy * 5], b = [x1 - dx * end, y1 - dy * end];
  pen.strokeStyle = pen.fillStyle = colour;
  pen.lineWidth = 1.4;
  const beyondFive = E.label[arrow.sent] >= 5 && !isClient(E.who[arrow.sent]) && !isClient(E.peer[arrow.sent]);
  pen.setLineDash(isLost ? [5, 4] : arrow.kind === "late" ? [1.5, 3.5] : arrow.kind === "bridge" ? [8, 5] : beyondFive ? [12, 2] : []);
  for (const shift of arrow.kind === "copy" ? [-1.7, 1.7] : [0]) {
    pen.beginPath();
    pen.moveTo(a[0] - dy * shift, a[1] + dx * shift);
    pen.lineTo(b[0] - dy * shift, b[1] + dx * shift);
    pen.stroke();
  }
  pen.setLineDash([]);
  pen.beginPath();
  if (isLost) {
    pen.lineWidth = 2.2;
    pen.moveTo(x1 - 4.5, y1 - 4.5); pen.lineTo(x1 + 4.5, y1 + 4.5); pen.moveTo(x1 + 4.5, y1 - 4.5); pen.lineTo(x1 - 4.5, y1 + 4.5);
    pen.stroke();
  } else {
    pen.moveTo(b[0] + dx * 2, b[1] + dy * 2);
    pen.lineTo(b[0] - dx * 7 - dy * 3.6, b[1] - dy * 7 + dx * 3.6);
    pen.lineTo(b[0] - dx * 7 + dy * 3.6, b[1] - dy * 7 - dx * 3.6);
    pen.fill();
  }
  if (labels && arrow.kind !== "bridge") {
    const text = textOf(arrow.sent), room = Math.abs(x1 - x0) - 24;
    pen.font = MONO;
    for (const words of [text, wordOf(text)]) {
      if (pen.measureText(words).width > room) continue;
      for (const share of [0.5, 0.36, 0.64]) {
        const x = x0 + (x1 - x0) * share, y = y0 + (y1 - y0) * share - 7;
        if (labels.place(words, x, y, { align: "center", font: MONO, colour: colours.ink })) return;
      }
    }
  }
}
