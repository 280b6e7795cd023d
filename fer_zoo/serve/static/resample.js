// fer_zoo.crops.resize, bit for bit: a triangle filter as wide as the scale, 22-bit weights, along the rows first.

const PRECISION = 22;

/** For each output pixel the first input pixel, how many, and their weights. */
function weights(length, from, to, size) {
  // Pillow keeps the box in single precision.
  from = Math.fround(from);
  const scale = Math.fround(Math.fround(to) - from) / size;
  const width = Math.max(scale, 1);
  const taps = Math.ceil(width) * 2 + 1;
  const first = new Int32Array(size);
  const count = new Int32Array(size);
  const values = new Int32Array(size * taps);
  for (let i = 0; i < size; i++) {
    const center = from + (i + 0.5) * scale;
    const low = Math.max(0, Math.trunc(center - width + 0.5));
    const high = Math.min(length, Math.trunc(center + width + 0.5));
    const row = [];
    let sum = 0;
    for (let j = low; j < high; j++) {
      const weight = Math.max(0, 1 - Math.abs((j - center + 0.5) / width));
      row.push(weight);
      sum += weight;
    }
    first[i] = low;
    count[i] = row.length;
    row.forEach((weight, k) => (values[i * taps + k] = Math.trunc(0.5 + (weight / sum) * (1 << PRECISION))));
  }
  return { first, count, values, taps };
}

/** Resample along one axis; the steps lead from pixel to pixel along it and across it. */
function pass(source, target, { first, count, values, taps }, size, lines, along, across, targetAlong, targetAcross) {
  for (let line = 0; line < lines; line++) {
    for (let i = 0; i < size; i++) {
      let sum = 1 << (PRECISION - 1);
      let at = line * across + first[i] * along;
      const base = i * taps;
      for (let k = 0; k < count[i]; k++, at += along) sum += source[at] * values[base + k];
      target[line * targetAcross + i * targetAlong] = sum >> PRECISION;
    }
  }
}

/**
 * Resize one channel.
 * @param {Uint8ClampedArray} plane height × width values
 * @param {number[]} box left, top, right and bottom of what is resized
 * @returns {Uint8ClampedArray} rows × columns values
 */
export function resize(plane, width, height, columns, rows, box = [0, 0, width, height]) {
  const wide = new Uint8ClampedArray(columns * height);
  pass(plane, wide, weights(width, box[0], box[2], columns), columns, height, 1, width, 1, columns);
  const result = new Uint8ClampedArray(columns * rows);
  pass(wide, result, weights(height, box[1], box[3], rows), rows, columns, columns, 1, columns, 1);
  return result;
}

/** One channel of RGBA pixels. */
export function channel(pixels, index) {
  const plane = new Uint8ClampedArray(pixels.length / 4);
  for (let i = 0, at = index; i < plane.length; i++, at += 4) plane[i] = pixels[at];
  return plane;
}
