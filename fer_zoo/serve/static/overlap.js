/** Intersection over union of two boxes (x, y, width, height). */
export function overlap([ax, ay, aw, ah], [bx, by, bw, bh]) {
  const width = Math.max(0, Math.min(ax + aw, bx + bw) - Math.max(ax, bx));
  const height = Math.max(0, Math.min(ay + ah, by + bh) - Math.max(ay, by));
  return (width * height) / Math.max(aw * ah + bw * bh - width * height, 1e-9);
}
