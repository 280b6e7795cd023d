// node classify_with_transformers.cjs NODE_MODULES FOLDER DTYPE IMAGE…: the probabilities of each image as JSON, by label.
const { createRequire } = require("node:module");
const path = require("node:path");

const [modules, folder, dtype, ...images] = process.argv.slice(2);
const { env, pipeline } = createRequire(path.join(modules, "x"))("@huggingface/transformers");

env.allowRemoteModels = false;
env.localModelPath = path.dirname(folder);

async function main() {
  const classify = await pipeline("image-classification", path.basename(folder), { dtype });
  const answers = [];
  for (const image of images) {
    const scores = await classify(image, { top_k: 100 });
    answers.push(Object.fromEntries(scores.map(({ label, score }) => [label, score])));
  }
  console.log(JSON.stringify(answers));
}

main();
