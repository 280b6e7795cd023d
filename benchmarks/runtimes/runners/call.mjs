// What call.py does, on Node.js: `node call.mjs REQUEST.json`. Runners may export `batches = false`.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const BATCH = 8;
const PIXELS = 48 * 48;
const ROUNDS = 10;
const request = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const require = createRequire(`${request.environment}/package.json`);

// The processor's time of this process.
function milliseconds() {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
}

async function predictAll(call, images, batch, seconds) {
    const count = images.length / PIXELS;
    const probabilities = [];
    const end = milliseconds() + 1000 * seconds;
    for (let start = 0; start < count && milliseconds() < end; start += batch) {
        const n = Math.min(batch, count - start);
        probabilities.push(...await call(images.slice(start * PIXELS, (start + n) * PIXELS), n));
    }
    return Float32Array.from(probabilities);
}

// The median time of one image over that of the reference, timed in turns.
async function relativeLatency(call, reference, images) {
    const times = new Map([[call, []], [reference, []]]);
    const count = images.length / PIXELS;
    for (let round = 0; round < ROUNDS; round++) {
        for (const [timed, samples] of times) {
            const end = milliseconds() + 1000 * request.timed_seconds / ROUNDS / 2;
            while (!samples.length || milliseconds() < end) {
                const index = samples.length % count;
                const image = images.slice(index * PIXELS, (index + 1) * PIXELS);
                const started = milliseconds();
                await timed(image, 1);
                samples.push(milliseconds() - started);
            }
        }
    }
    return median(times.get(call)) / median(times.get(reference));
}

function median(values) {
    const sorted = values.toSorted((a, b) => a - b);
    return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}

// Peak memory of the process in bytes. Linux's maxRSS begins with that of the program that started it.
function peakMemory() {
    const status = '/proc/self/status';
    const found = existsSync(status) && /VmHWM:\s+(\d+) kB/.exec(readFileSync(status, 'utf8'));
    return 1024 * (found ? Number(found[1]) : process.resourceUsage().maxRSS);
}

async function main() {
    const runner = await import(pathToFileURL(request.runner));
    const bytes = readFileSync(request.images);
    const images = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    const before = peakMemory();
    const started = milliseconds();
    const call = await runner.load(request.model, require, request.package);
    await call(images.slice(0, PIXELS), 1);
    const facts = { load_ms: milliseconds() - started };
    const single = images.slice(0, PIXELS * (request.single_images ?? images.length));
    writeFileSync(request.single, await predictAll(call, single, 1, request.seconds));
    if (runner.batches ?? true) {
        try {
            writeFileSync(request.batched, await predictAll(call, images, BATCH, request.batch_seconds));
        } catch (error) {
            facts.batch_error = String(error).slice(0, 300);
        }
    }
    facts.memory_bytes = peakMemory() - before;
    if (request.reference) {
        const { load } = await import(pathToFileURL(request.reference));
        const reference = await load(request.reference_model, require, request.reference_package);
        facts.relative_latency = await relativeLatency(call, reference, images);
    }
    return facts;
}

const facts = await main().catch((error) => ({ error: String(error).replaceAll('\n', ' ').slice(0, 300) }));
process.stdout.write(JSON.stringify(facts) + '\n', () => process.exit(0));
