// One of the zoo's models: 48×48 gray crops in, probabilities out.

import { SIZE } from "./crop.js";
import { Tensor, loadSession } from "./runtime.js";

export class Classifier {
  static async load(address) {
    return new Classifier(await loadSession(address));
  }

  constructor(session) {
    this.session = session;
  }

  /** @returns {Promise<number[][]>} the probabilities of each crop */
  async classify(crops) {
    if (!crops.length) return [];
    const values = new Float32Array(crops.length * SIZE * SIZE);
    crops.forEach((crop, i) => values.set(crop, i * SIZE * SIZE));
    const image = new Tensor("float32", values, [crops.length, SIZE, SIZE, 1]);
    const { probabilities } = await this.session.run({ image });
    const data = Array.from(probabilities.data);
    probabilities.dispose();
    const classes = data.length / crops.length;
    return crops.map((_, i) => data.slice(i * classes, (i + 1) * classes));
  }

  async release() {
    await this.session.release();
  }
}
