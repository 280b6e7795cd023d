// The worker's actions as functions that give promises.

const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
const open = new Map();
let count = 0;

worker.onmessage = ({ data: { id, result, error } }) => {
  const { resolve, reject } = open.get(id);
  open.delete(id);
  if (error) reject(new Error(error));
  else resolve(result);
};

worker.onerror = (event) => {
  event.preventDefault();
  for (const { reject } of open.values()) reject(new Error(event.message || "the browser cannot run the models"));
  open.clear();
};

function call(action, values) {
  return new Promise((resolve, reject) => {
    open.set(++count, { resolve, reject });
    worker.postMessage({ id: count, action, values });
  });
}

/** Load a model by its address; the next images are classified by it. */
export const load = (model) => call("load", { model: new URL(model, document.baseURI).href });

/** Faces of RGBA pixels: `{faces: [{box, landmarks, score, crop, probabilities}], milliseconds}`. */
export const analyze = ({ data, width, height }, size) => call("analyze", { image: { data, width, height }, size });

/** The crop of one box, and the probabilities of crops: what `analyze` does inside, by itself. */
export const crop = ({ data, width, height }, box) => call("crop", { image: { data, width, height }, box });
export const classify = (crops) => call("classify", { crops });
