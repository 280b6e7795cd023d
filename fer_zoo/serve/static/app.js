// The page: models, photo, camera, and what happens with them.

import * as engine from "./engine.js";
import { Smoothing } from "./smoothing.js";
import { Camera, readPhoto } from "./sources.js";
import * as view from "./view.js";

const PHOTO_SIZE = 640;
const CAMERA_SIZE = 320;
const SPEAK_EVERY = 3000;

const $ = (id) => document.getElementById(id);

/** The last result, as it came from the models; `count` grows with each. */
export const latest = { image: null, faces: [], milliseconds: 0, count: 0 };

let models = [];
let model = null;
let ready = null;
let camera = null;
let shown = [];
let chosen = 0;
let spoken = "";
let spokenAt = 0;

const labels = () => model[$("language").value];

function fail(error) {
  $("error").textContent = error.message;
}

/** Show a sentence, and let screen readers say it unless they are to be left alone. */
function say(text, aloud = true) {
  $("summary").textContent = text;
  if (!aloud) return;
  if (text !== spoken) $("status").textContent = spoken = text;
  spokenAt = performance.now();
}

/** Show the faces of the last result; what the screen reader hears of the camera comes with pauses. */
function render() {
  chosen = Math.min(chosen, Math.max(0, shown.length - 1));
  view.showPicture(latest.image, shown, labels(), chosen, camera !== null);
  view.showFaces(shown, labels(), chosen, choose);
  view.showFace(shown[chosen]);
  const aloud = !camera || performance.now() - spokenAt > SPEAK_EVERY;
  const text = view.describe(shown, labels());
  say(text, aloud);
  if (aloud) $("picture").setAttribute("aria-label", text);
}

function choose(index) {
  chosen = index;
  if (!camera) render();
}

async function analyze(image, size) {
  await ready;
  const result = await engine.analyze(image, size);
  Object.assign(latest, result, { image, count: latest.count + 1 });
  $("speed").textContent = `${result.milliseconds.toFixed(0)} ms per picture`;
  return result.faces;
}

async function openPhoto(file) {
  stopCamera();
  $("error").textContent = "";
  say("Looking for faces …");
  try {
    shown = (await analyze(await readPhoto(file), PHOTO_SIZE)).sort((a, b) => a.box[0] - b.box[0]);
    chosen = 0;
    render();
  } catch (error) {
    say("");
    fail(error);
  }
}

async function startCamera() {
  $("error").textContent = "";
  $("camera").disabled = true;
  try {
    camera = await Camera.open();
    $("camera").textContent = "Stop camera";
    say("The camera is on.");
    spokenAt = 0;
    chosen = 0;
    watch(camera).catch((error) => {
      stopCamera();
      fail(error);
    });
  } catch (error) {
    fail(error);
  }
  $("camera").disabled = false;
}

async function watch(own) {
  const smoothing = new Smoothing();
  while (camera === own) {
    const image = await own.frame();
    const used = model;
    const faces = await analyze(image, CAMERA_SIZE);
    if (camera !== own) return;
    // Another model was chosen meanwhile, perhaps one with other expressions.
    if (model !== used) continue;
    shown = smoothing.update(faces, performance.now());
    render();
  }
}

function stopCamera() {
  if (!camera) return;
  camera.close();
  camera = null;
  $("camera").textContent = "Use camera";
  say("The camera is off.");
}

/** Load the chosen model; a photo that is shown is classified again by it. */
async function useModel() {
  model = models.find(({ name }) => name === $("model").value);
  $("about").textContent = view.modelFacts(model);
  view.makeBars(labels());
  ready = engine.load(model.file);
  try {
    await ready;
    if (camera || !latest.image) return;
    shown = (await analyze(latest.image, PHOTO_SIZE)).sort((a, b) => a.box[0] - b.box[0]);
    render();
  } catch (error) {
    fail(error);
  }
}

function changeLanguage() {
  const option = $("language").selectedOptions[0];
  $("bars").lang = option.lang;
  $("faces").lang = option.lang;
  view.makeBars(labels());
  if (latest.image) render();
}

/** A click on a face in the picture chooses it, as its button does. */
function pick(event) {
  const canvas = $("picture");
  const scale = canvas.width / canvas.clientWidth;
  const across = event.offsetX * scale;
  const x = camera ? canvas.width - across : across;
  const y = event.offsetY * scale;
  const hit = shown.findIndex(({ box }) => x >= box[0] && x <= box[0] + box[2] && y >= box[1] && y <= box[1] + box[3]);
  if (hit >= 0) choose(hit);
}

function listen() {
  $("file").addEventListener("change", () => {
    if ($("file").files.length) openPhoto($("file").files[0]);
    $("file").value = "";
  });
  $("camera").addEventListener("click", () => (camera ? stopCamera() : startCamera()));
  $("model").addEventListener("change", useModel);
  $("language").addEventListener("change", changeLanguage);
  $("picture").addEventListener("click", pick);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => latest.image && render());
  document.addEventListener("paste", (event) => {
    if (event.clipboardData.files.length) openPhoto(event.clipboardData.files[0]);
  });
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    $("drop").classList.add("over");
  });
  document.addEventListener("dragleave", () => $("drop").classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    $("drop").classList.remove("over");
    if (event.dataTransfer.files.length) openPhoto(event.dataTransfer.files[0]);
  });
}

async function start() {
  const response = await fetch("models.json");
  const list = await response.json();
  models = list.models;
  $("model").append(...view.modelOptions(models));
  $("model").value = list.default;
  if (Camera.reason) {
    $("camera").disabled = true;
    fail(new Error(Camera.reason));
  }
  const loading = useModel();
  listen();
  await loading;
  if (!latest.count && !$("error").textContent) say("Ready: choose a photo or use the camera.");
}

/** Settled when the page can be used. */
export const started = start().catch(fail);
