// What call.py does, on Node.js: `node call.mjs REQUEST.json`.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const BATCH = 8;
const PIXELS = 48 * 48;
const request = JSON.parse(readFileSync(process.argv[2], 'utf8'));

async function predictAll(call, images, batch) {
    const count = images.length / PIXELS;
    const probabilities = [];
    const end = performance.now() + 1000 * request.seconds;
    for (let start = 0; start < count && performance.now() < end; start += batch) {
        const n = Math.min(batch, count - start);
        probabilities.push(...await call(images.slice(start * PIXELS, (start + n) * PIXELS), n));
    }
    return Float32Array.from(probabilities);
}

async function main() {
    const { load } = await import(pathToFileURL(request.runner));
    const bytes = readFileSync(request.images);
    const images = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    const before = process.resourceUsage().maxRSS;
    const started = performance.now();
    const call = await load(request.model, createRequire(`${request.environment}/package.json`), request.package);
    await call(images.slice(0, PIXELS), 1);
    const facts = { load_ms: performance.now() - started };
    writeFileSync(request.single, await predictAll(call, images, 1));
    try {
        writeFileSync(request.batched, await predictAll(call, images, BATCH));
    } catch (error) {
        facts.batch_error = String(error).slice(0, 300);
    }
    facts.memory_bytes = 1024 * (process.resourceUsage().maxRSS - before);
    return facts;
}

const facts = await main().catch((error) => ({ error: String(error).replaceAll('\n', ' ').slice(0, 300) }));
process.stdout.write(JSON.stringify(facts) + '\n', () => process.exit(0));
