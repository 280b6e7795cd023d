// What the page shows of a result.

import { SIZE } from "./crop.js";

const $ = (id) => document.getElementById(id);
const percent = (share) => `${(100 * share).toFixed(share < 0.1 || (share > 0.99 && share < 0.9995) ? 1 : 0)} %`;
const top = (probabilities) => probabilities.indexOf(Math.max(...probabilities));

/** "happy, 93 %" */
export function reading(face, labels) {
  const best = top(face.probabilities);
  return `${labels[best]}, ${percent(face.probabilities[best])}`;
}

/** Make one row for each expression. */
export function makeBars(labels) {
  const rows = labels.map((label) => {
    const row = document.createElement("li");
    const name = Object.assign(document.createElement("span"), { textContent: label });
    const track = Object.assign(document.createElement("div"), { className: "track" });
    const share = Object.assign(document.createElement("span"), { className: "share", textContent: "–" });
    track.setAttribute("role", "meter");
    track.setAttribute("aria-label", label);
    track.setAttribute("aria-valuemin", "0");
    track.setAttribute("aria-valuemax", "100");
    track.setAttribute("aria-valuenow", "0");
    share.setAttribute("aria-hidden", "true");
    name.setAttribute("aria-hidden", "true");
    track.append(Object.assign(document.createElement("div"), { className: "fill" }));
    row.append(name, track, share);
    return row;
  });
  $("bars").replaceChildren(...rows);
}

/** Show one face's probabilities and crop, or none. */
export function showFace(face) {
  const best = face ? top(face.probabilities) : -1;
  [...$("bars").children].forEach((row, i) => {
    const value = face ? face.probabilities[i] : 0;
    const [, track, share] = row.children;
    row.classList.toggle("top", i === best);
    track.firstChild.style.width = `${100 * value}%`;
    track.setAttribute("aria-valuenow", (100 * value).toFixed(1));
    track.setAttribute("aria-valuetext", face ? percent(value) : "no face");
    share.textContent = face ? percent(value) : "–";
  });
  $("seen").hidden = !face;
  if (face) showCrop(face.crop);
}

function showCrop(crop) {
  const image = new ImageData(SIZE, SIZE);
  crop.forEach((value, i) => image.data.set([value, value, value, 255], 4 * i));
  $("crop").getContext("2d").putImageData(image, 0, 0);
}

/** One button for each face, where there is more than one; made anew only when their number changes. */
export function showFaces(faces, labels, chosen, choose) {
  const group = $("faces");
  const wanted = faces.length > 1 ? faces.length : 0;
  if (group.children.length !== wanted) {
    const buttons = Array.from({ length: wanted }, (_, i) => {
      const button = Object.assign(document.createElement("button"), { type: "button", className: "button" });
      button.addEventListener("click", () => choose(i));
      return button;
    });
    group.replaceChildren(...buttons);
  }
  [...group.children].forEach((button, i) => {
    button.textContent = `${i + 1}: ${labels[top(faces[i].probabilities)]}`;
    button.setAttribute("aria-label", `Face ${i + 1}: ${reading(faces[i], labels)}`);
    button.setAttribute("aria-pressed", String(i === chosen));
  });
}

/** Draw the pixels with a box around each face; the camera's picture is mirrored, as people know themselves. */
export function showPicture(image, faces, labels, chosen, mirrored) {
  const canvas = $("picture");
  const context = canvas.getContext("2d");
  if (canvas.width !== image.width || canvas.height !== image.height) {
    canvas.width = image.width;
    canvas.height = image.height;
  }
  context.putImageData(image, 0, 0);
  if (mirrored) {
    context.setTransform(-1, 0, 0, 1, image.width, 0);
    context.drawImage(canvas, 0, 0);
    context.resetTransform();
  }
  const shown = Math.min(image.width, canvas.clientWidth || image.width);
  const unit = image.width / shown;
  const colors = getComputedStyle(document.documentElement);
  faces.forEach((face, i) => {
    const [x, y, width, height] = face.box;
    const left = mirrored ? image.width - x - width : x;
    const text = `${faces.length > 1 ? `${i + 1}: ` : ""}${labels[top(face.probabilities)]}`;
    const color = colors.getPropertyValue(i === chosen ? "--accent" : "--bar");
    drawBox(context, [left, y, width, height], text, color, colors.getPropertyValue("--accent-ink"), unit, i === chosen);
  });
  canvas.hidden = false;
  $("hint").hidden = true;
  $("drop").classList.add("filled");
}

function drawBox(context, [x, y, width, height], text, color, ink, unit, chosen) {
  context.lineWidth = 3 * unit;
  context.strokeStyle = color;
  context.strokeRect(x, y, width, height);
  if (!chosen && width < 60 * unit) return;
  context.font = `600 ${15 * unit}px system-ui, sans-serif`;
  const wide = context.measureText(text).width + 14 * unit;
  const high = 24 * unit;
  // Above the box, else below it, else inside.
  const below = y + height + high <= context.canvas.height ? y + height : Math.max(0, y);
  const edge = y > high ? y - high : below;
  const left = Math.max(0, Math.min(x - 1.5 * unit, context.canvas.width - wide));
  context.fillStyle = color;
  context.fillRect(left, edge, wide, high);
  context.fillStyle = chosen ? ink : "white";
  context.textBaseline = "middle";
  context.fillText(text, left + 7 * unit, edge + high / 2);
}

/** Tell the whole result in words: to everybody under the heading, and of the canvas to those who cannot see it. */
export function describe(faces, labels) {
  const named = faces.map((face, i) => (faces.length > 1 ? `face ${i + 1} ${reading(face, labels)}` : reading(face, labels)));
  const count = faces.length === 1 ? "One face" : `${faces.length} faces`;
  return faces.length ? `${count}: ${named.slice(0, 5).join("; ")}${named.length > 5 ? "; …" : "."}` : "No face found.";
}

const size = (bytes) => (bytes < 1e6 ? `${Math.round(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

/** The models as options, those of one task in a group: accuracies of different tasks do not compare. */
export function modelOptions(models) {
  const groups = new Map();
  for (const entry of models) {
    if (!groups.has(entry.task)) groups.set(entry.task, document.createElement("optgroup"));
    groups.get(entry.task).append(new Option(modelTitle(entry), entry.name));
  }
  for (const [task, group] of groups) group.label = `Accuracy, ${task}`;
  return [...groups.values()];
}

function modelTitle({ model, precision, bytes, accuracy, data_set: set }) {
  const right = accuracy === null ? "" : `${(100 * accuracy).toFixed(1)} %${set ? ` on ${set}` : ""}, `;
  return `${model} ${precision}: ${right}${size(bytes)}`;
}

/** What the figures of a model mean. */
export function modelFacts({ task, data_set: set, accuracy, accuracy_interval: interval, test_images: images, params }) {
  const weights = `${params ? `${params.toLocaleString("en")} weights, ` : ""}${task}.`;
  if (accuracy === null) return weights;
  const range = interval ? ` (95 % interval ${interval.map((value) => (100 * value).toFixed(1)).join(" to ")})` : "";
  return `Right on ${(100 * accuracy).toFixed(1)} %${range} of ${images.toLocaleString("en")} test faces${set ? ` of ${set}` : ""}. ${weights}`;
}
