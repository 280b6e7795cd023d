// ONNX Runtime for WebAssembly, on one thread: needs no cross-origin isolation, so any web server can host the page.

import ort from "./vendor/onnxruntime/ort.wasm-core.min.js";

ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmPaths = new URL("./vendor/onnxruntime/", import.meta.url).href;

export const Tensor = ort.Tensor;

/** Fetch a model file and make a session of it. */
export async function loadSession(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address} cannot be loaded (HTTP ${response.status})`);
  const file = new Uint8Array(await response.arrayBuffer());
  return ort.InferenceSession.create(file, { executionProviders: ["wasm"], logSeverityLevel: 3 });
}
