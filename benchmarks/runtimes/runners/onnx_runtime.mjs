// ONNX Runtime of Node.js (native) or of the browser (WebAssembly), as the package says.
export async function load(path, require, name) {
    const ort = require(name);
    if (name === 'onnxruntime-web') ort.env.wasm.numThreads = 1;
    const options = name === 'onnxruntime-web' ? { executionProviders: ['wasm'] } : { intraOpNumThreads: 1 };
    const session = await ort.InferenceSession.create(path, options);
    return async (pixels, n) => {
        const found = await session.run({ image: new ort.Tensor('float32', pixels, [n, 48, 48, 1]) });
        return found.probabilities.data;
    };
}
