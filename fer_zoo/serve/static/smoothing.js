// Probabilities of the camera's faces, averaged over the last moments so that the bars can be read.

import { overlap } from "./overlap.js";

const SECONDS = 0.3;
const SAME_FACE = 0.3;

export class Smoothing {
  faces = [];
  time = 0;

  /** The faces with smoothed probabilities, from left to right; a face goes on where it overlaps one of the last frame. */
  update(faces, milliseconds) {
    const fresh = 1 - Math.exp(-(milliseconds - this.time) / 1000 / SECONDS);
    this.time = milliseconds;
    this.faces = faces
      .map((face) => {
        const before = this.faces.find((other) => overlap(other.box, face.box) > SAME_FACE);
        if (before?.probabilities.length !== face.probabilities.length) return face;
        const mix = (now, i) => before.probabilities[i] + fresh * (now - before.probabilities[i]);
        return { ...face, probabilities: face.probabilities.map(mix) };
      })
      .sort((a, b) => a.box[0] - b.box[0]);
    return this.faces;
  }
}
