// Everything that computes, away from the page's own thread, one message after the other.

import { Classifier } from "./classifier.js";
import { cropFace } from "./crop.js";
import { Detector } from "./detector.js";

let detector;
let classifier;

const actions = {
  /** Load the detector once, and a model in place of the last one. */
  async load({ model }) {
    detector ??= await Detector.load(new URL("./yunet.onnx", import.meta.url));
    const next = await Classifier.load(model);
    await classifier?.release();
    classifier = next;
  },

  async analyze({ image, size }) {
    const start = performance.now();
    const faces = await detector.detect(image, size);
    const crops = faces.map((face) => cropFace(image, face.box));
    const rows = await classifier.classify(crops);
    const milliseconds = performance.now() - start;
    return { faces: faces.map((face, i) => ({ ...face, crop: crops[i], probabilities: rows[i] })), milliseconds };
  },

  crop({ image, box }) {
    return cropFace(image, box);
  },

  async classify({ crops }) {
    return classifier.classify(crops);
  },
};

let last = Promise.resolve();

self.onmessage = ({ data: { id, action, values } }) => {
  last = last.then(async () => {
    try {
      self.postMessage({ id, result: await actions[action](values) });
    } catch (error) {
      self.postMessage({ id, error: String(error.message ?? error) });
    }
  });
};
