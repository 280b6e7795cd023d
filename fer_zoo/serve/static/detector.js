// YuNet, as in fer_zoo.faces.detector: Wu, Peng and Yu, "YuNet: A Tiny Millisecond-level Face Detector", 2023.

import { overlap } from "./overlap.js";
import { channel, resize } from "./resample.js";
import { Tensor, loadSession } from "./runtime.js";

const STRIDES = [8, 16, 32];
const SCORE = 0.7;
const SAME_FACE = 0.3;

export class Detector {
  static async load(address) {
    return new Detector(await loadSession(address));
  }

  constructor(session) {
    this.session = session;
  }

  /**
   * @param {{data: Uint8ClampedArray, width: number, height: number}} image RGBA
   * @param {number} size the longer side of what the network sees; larger images are shrunk to it
   * @returns {Promise<{box: number[], landmarks: number[][], score: number}[]>} best first
   */
  async detect(image, size) {
    const scale = Math.min(1, size / Math.max(image.width, image.height));
    const columns = Math.max(1, roundToEven(image.width * scale));
    const rows = Math.max(1, roundToEven(image.height * scale));
    const heads = await this.session.run({ image: networkInput(image, columns, rows) });
    const faces = suppress(decode(heads));
    for (const value of Object.values(heads)) value.dispose();
    const x = image.width / columns;
    const y = image.height / rows;
    return faces.map(({ box, landmarks, score }) => ({
      box: [box[0] * x, box[1] * y, box[2] * x, box[3] * y],
      landmarks: landmarks.map((point) => [point[0] * x, point[1] * y]),
      score,
    }));
  }
}

/** As Python rounds: halves to the even neighbour. */
function roundToEven(value) {
  const up = Math.round(value);
  return up - value === 0.5 && up % 2 ? up - 1 : up;
}

/** Blue, green and red planes, with black to the right and below up to whole strides. */
function networkInput(image, columns, rows) {
  const step = STRIDES.at(-1);
  const width = Math.ceil(columns / step) * step;
  const height = Math.ceil(rows / step) * step;
  const values = new Uint8Array(3 * width * height);
  for (let plane = 0; plane < 3; plane++) {
    let source = channel(image.data, 2 - plane);
    if (columns !== image.width || rows !== image.height) {
      source = resize(source, image.width, image.height, columns, rows);
    }
    for (let row = 0; row < rows; row++) {
      values.set(source.subarray(row * columns, (row + 1) * columns), (plane * height + row) * width);
    }
  }
  return new Tensor("uint8", values, [1, 3, height, width]);
}

const sigmoid = (logit) => 1 / (1 + Math.exp(-logit));

/** Every cell of the three feature maps that says it holds a face. */
function decode(heads) {
  const found = [];
  for (const stride of STRIDES) {
    const { data, dims } = heads[`heads_${stride}`];
    const [, , rows, columns] = dims;
    const cells = rows * columns;
    for (let cell = 0; cell < cells; cell++) {
      const score = Math.sqrt(sigmoid(data[cell]) * sigmoid(data[cells + cell]));
      if (score < SCORE) continue;
      const value = (channel) => data[channel * cells + cell];
      const column = cell % columns;
      const row = Math.floor(cell / columns);
      const w = Math.exp(value(4)) * stride;
      const h = Math.exp(value(5)) * stride;
      const x = (column + value(2)) * stride - w / 2;
      const y = (row + value(3)) * stride - h / 2;
      const landmarks = [0, 1, 2, 3, 4].map((point) => [
        (column + value(6 + 2 * point)) * stride,
        (row + value(7 + 2 * point)) * stride,
      ]);
      found.push({ box: [x, y, w, h], landmarks, score });
    }
  }
  return found.sort((a, b) => b.score - a.score);
}

/** Drop each face that overlaps a better one. */
function suppress(faces) {
  const kept = [];
  for (const face of faces) {
    if (kept.every((other) => overlap(face.box, other.box) <= SAME_FACE)) kept.push(face);
  }
  return kept;
}
