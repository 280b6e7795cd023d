// transformers.js, its pipeline for images, on the processor; one image at a time. `path` is a folder as a hub has it.
import { basename, dirname } from 'node:path';

const SIZE = 48;
export const batches = false;

export async function load(path, require, name) {
    const { env, pipeline, RawImage } = require(name);
    env.allowRemoteModels = false;
    env.localModelPath = dirname(path);
    const options = { dtype: 'fp32', session_options: { intraOpNumThreads: 1 } };
    const classify = await pipeline('image-classification', basename(path), options);
    const columns = classify.model.config.label2id;
    const classes = Object.keys(columns).length;
    return async (pixels) => {
        const rgb = Uint8ClampedArray.from({ length: 3 * SIZE * SIZE }, (_, i) => pixels[Math.floor(i / 3)]);
        const probabilities = new Float32Array(classes);
        for (const { label, score } of await classify(new RawImage(rgb, SIZE, SIZE, 3), { top_k: classes })) {
            probabilities[columns[label]] = score;
        }
        return probabilities;
    };
}
