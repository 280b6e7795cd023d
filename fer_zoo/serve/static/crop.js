// The crop of fer_zoo.faces.crop, pixel for pixel.

import { resize } from "./resample.js";

export const SIZE = 48;

// The square's side in lengths of the detected box, as in fer_zoo.faces.crop.
const SCALE = 1.1;

/** Left, top and side of the square around a face. */
export function cropSquare([x, y, width, height]) {
  const side = (SCALE * (width + height)) / 2;
  return [x + (width - side) / 2, y + (height - side) / 2, side];
}

const clip = (value, limit) => Math.min(Math.max(value, 0), limit - 1);

/**
 * Cut out one face: an upright square, ITU-R 601 luma, triangle filter, the outermost pixels repeated beyond the border.
 * @param {{data: Uint8ClampedArray, width: number, height: number}} image RGBA
 * @param {number[]} box x, y, width, height
 * @returns {Uint8ClampedArray} SIZE × SIZE gray values
 */
export function cropFace(image, box) {
  const [left, top, side] = cropSquare(box);
  const reach = Math.ceil(side / SIZE) + 1;
  const x0 = Math.floor(left) - reach;
  const y0 = Math.floor(top) - reach;
  const columns = Math.ceil(left + side) + reach - x0;
  const rows = Math.ceil(top + side) + reach - y0;
  const gray = new Uint8ClampedArray(columns * rows);
  for (let row = 0; row < rows; row++) {
    const line = clip(y0 + row, image.height) * image.width;
    for (let column = 0; column < columns; column++) {
      const at = 4 * (line + clip(x0 + column, image.width));
      const luma = image.data[at] * 19595 + image.data[at + 1] * 38470 + image.data[at + 2] * 7471 + 0x8000;
      gray[row * columns + column] = luma >> 16;
    }
  }
  return resize(gray, columns, rows, SIZE, SIZE, [left - x0, top - y0, left - x0 + side, top - y0 + side]);
}
