// The scale: where an event stands, and where an instant does.
//
//   hybrid   in proportion to time, never nearer than text is high; long silence is cut:  ⋯ 4.8 s ⋯
//   order    one row after the other
//   time     in proportion to time, whatever falls together
//
// What one place does in one instant shares a row, side by side: a handler reads from left to right.

const ROW = 20, SLOT = 13, SLOTS_MAX = 7, SILENCE = 46, TOP = 48, BOTTOM = 60;

function typicalPause(shown) {
  const pauses = [], step = Math.max(1, Math.floor(shown.length / 4000));
  for (let k = step; k < shown.length; k += step) {
    const pause = E.at[shown[k]] - E.at[shown[k - 1]];
    if (pause > 0) pauses.push(pause);
  }
  pauses.sort((a, b) => a - b);
  return Math.max(1000, pauses[pauses.length >> 1] || 0);
}

// Where everything stands: `y` and `slot` per event (NaN when hidden), `rows` for instants.
function scaleOf(shown, kind, zoom, room) {
  const y = new Float64Array(E.n).fill(NaN), slot = new Uint8Array(E.n);
  const rows = { at: [], y: [] }, silences = [], pause = typicalPause(shown);
  const height = (room - TOP - BOTTOM) * zoom;
  let at = -1, who = -1, used = 0, low = TOP;
  for (let k = 0; k < shown.length; k++) {
    const i = shown[k], isNew = k > 0, span = isNew ? E.at[i] - at : 0;
    const shares = isNew && span === 0 && E.who[i] === who && used < SLOTS_MAX && !isEverywhere(i) && kind !== "time";
    if (shares) used++;
    else {
      used = 0;
      if (kind === "time") low = TOP + (E.at[i] / END) * height;
      else if (isNew && kind === "hybrid" && span > pause * 40) {
        silences.push({ y: low + SILENCE / 2, span, since: at, until: E.at[i] });
        low += SILENCE;
      } else if (isNew) {
        const share = kind === "hybrid" ? Math.min(4, span / pause) * 12 * zoom : 0;
        low += Math.max(ROW, share);
      }
      rows.at.push(E.at[i]);
      rows.y.push(low);
    }
    at = E.at[i];
    who = isEverywhere(i) ? -1 : E.who[i];
    y[i] = low;
    slot[i] = used;
  }
  const bottom = kind === "time" ? TOP + height : low;
  return { kind, y, slot, rows, silences, bottom, height: bottom + BOTTOM };
}

// Where an instant stands: at its row, between rows in proportion.
function yAt(scale, at) {
  if (scale.kind === "time") return TOP + (Math.min(at, END) / END) * (scale.bottom - TOP);
  const { at: ats, y } = scale.rows;
  if (ats.length === 0) return TOP;
  let low = 0, high = ats.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ats[middle] < at) low = middle + 1; else high = middle;
  }
  if (low === 0) return y[0] - (ats[0] > at ? 12 : 0);
  if (low === ats.length) return scale.bottom + 18;
  if (ats[low] === at) return y[low];
  const share = (at - ats[low - 1]) / (ats[low] - ats[low - 1]);
  return y[low - 1] + share * (y[low] - y[low - 1]);
}

// The instant at a height: the other way around.
function atY(scale, height) {
  const { at, y } = scale.rows;
  if (scale.kind === "time") return Math.max(0, Math.min(END, ((height - TOP) / (scale.bottom - TOP)) * END));
  if (y.length === 0 || height <= y[0]) return y.length ? at[0] : 0;
  let low = 0, high = y.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (y[middle] <= height) low = middle + 1; else high = middle;
  }
  if (low === y.length) return at[low - 1];
  const share = (height - y[low - 1]) / Math.max(1, y[low] - y[low - 1]);
  return at[low - 1] + share * (at[low] - at[low - 1]);
}
