// `whet compile` as a stranger uses it: only the written files and the contract, in Node always, and with the page's own Python and C++ where
// there is what they need.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as ort from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CompileReport, compile } from '../agent/compile.ts';
import { topClasses } from '../agent/learn/evaluate.ts';
import { decodeSafeTensors } from '../agent/onnx/codec/safetensors.ts';
import { randomOf } from '../agent/random.ts';
import { clusters } from './learn/samples.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const objects = join(root, 'models/objects/model.onnx');
const page = readFileSync(join(root, 'agent/autodiff/README.md'), 'utf8');
const code = (language: string) => new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 's').exec(page)?.[1] ?? '';

const [epochs, batch, rate] = [20, 32, 0.01];
const set = clusters({ perClass: 16, classes: 6, width: 128, seed: 3, noise: 0.5 });

let folder: string;
let report: CompileReport;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'whet-compile-'));
  report = await compile({
    model: objects,
    cut: { kind: 'layers', layers: 1 },
    batch,
    optimizer: 'adamw',
    classes: 6,
    out: join(folder, 'step.onnx'),
    parts: true,
  });
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Share of the samples that the written forward pass gets right with these weights, by their names in the step. */
async function accuracyOf(carried: ReadonlyMap<string, ort.Tensor>): Promise<number> {
  const forward = await ort.InferenceSession.create(join(folder, 'step.forward.onnx'));
  const [input = '', ...parameters] = forward.inputNames;
  const feeds = Object.fromEntries(parameters.map((name) => [name, carried.get(`in/${name}`) as ort.Tensor]));
  const out = await forward.run({ ...feeds, [input]: new ort.Tensor('float32', set.features, [set.count, set.width]) });
  const logits = out[forward.outputNames[0] ?? '']?.data as Float32Array;
  return topClasses(logits, 6).filter((top, row) => top === set.labels[row]).length / set.count;
}

/** The carried tensors as the Python and C++ programs leave them: raw numbers, in the order of the contract. */
function readCarried(path: string): ReadonlyMap<string, ort.Tensor> {
  const bytes = readFileSync(path);
  const all = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  let at = 0;
  return new Map(
    report.contract.inputs
      .filter(({ role }) => role !== 'data')
      .map(({ name, shape }) => {
        const size = (shape as number[]).reduce((product, dim) => product * dim, 1);
        at += size;
        return [name, new ort.Tensor('float32', all.slice(at - size, at), shape as number[])] as const;
      }),
  );
}

const labels = BigInt64Array.from(set.labels, BigInt);

describe('the contract is enough to train', () => {
  it('in Node, with the written files alone', async () => {
    const contract = JSON.parse(readFileSync(report.description.file, 'utf8')) as CompileReport['contract'];
    expect(contract).toEqual(report.contract);
    const step = await ort.InferenceSession.create(report.step.file);
    const first = decodeSafeTensors(readFileSync(report.weights.file)).tensors;
    let carried = new Map([...first].map(([name, { dims, data }]) => [name, new ort.Tensor('float32', data as Float32Array, dims)]));
    expect([...carried.keys()]).toEqual(contract.inputs.filter(({ role }) => role !== 'data').map(({ name }) => name));
    const fixed = {
      features: new ort.Tensor('float32', set.features, [set.count, set.width]),
      labels: new ort.Tensor('int64', labels, [set.count]),
      weights: new ort.Tensor('float32', new Float32Array(set.count).fill(1), [set.count]),
    };
    const random = randomOf(1);
    const steps = Math.floor(set.count / batch);
    const means: number[] = [];
    for (let epoch = 0; epoch < epochs; epoch += 1) {
      const rows = Array.from({ length: set.count }, (_, row) => ({ row, key: random() })).sort((a, b) => a.key - b.key);
      const order = BigInt64Array.from(rows.slice(0, steps * batch), ({ row }) => BigInt(row));
      const out = await step.run({
        ...fixed,
        ...Object.fromEntries(carried),
        order: new ort.Tensor('int64', order, [steps, batch]),
        rates: new ort.Tensor('float32', new Float32Array(steps).fill(rate), [steps]),
        done: new ort.Tensor('float32', Float32Array.of(epoch * steps), []),
      });
      carried = new Map(
        contract.outputs.flatMap(({ name, feeds }) => (feeds === null ? [] : [[feeds, out[name] as ort.TypedTensor<'float32'>]])),
      );
      const losses = (out.losses as ort.TypedTensor<'float32'>).data;
      means.push(losses.reduce((sum, loss) => sum + loss, 0) / steps);
    }
    // A head of zeros knows nothing of six classes: ln 6.
    expect(means[0]).toBeLessThan(Math.log(6) + 1);
    expect(means.at(-1)).toBeLessThan((means[0] as number) / 4);
    expect(await accuracyOf(carried)).toBeGreaterThan(0.95);
  });

  const python = [process.env.WHET_TEST_PYTHON, 'python3'].find(
    (name) => name !== undefined && spawnSync(name, ['-c', 'import numpy, onnxruntime']).status === 0,
  );
  it.skipIf(python === undefined)(
    "in the page's Python (skipped where no python3, or $WHET_TEST_PYTHON, has numpy and onnxruntime)",
    async () => {
      writeFileSync(join(folder, 'features.npy'), npy("'<f4'", [set.count, set.width], set.features));
      writeFileSync(join(folder, 'labels.npy'), npy("'<i8'", [set.count], labels));
      const save = 'open("python.bin", "wb").write(b"".join(value.tobytes() for value in carried.values()))\n';
      writeFileSync(join(folder, 'train.py'), `${code('python')}${save}`);
      const lines = execFileSync(python as string, ['train.py'], { cwd: folder, encoding: 'utf8' })
        .trim()
        .split('\n');
      expect(lines.length).toBe(epochs);
      expect(await accuracyOf(readCarried(join(folder, 'python.bin')))).toBeGreaterThan(0.95);
    },
    60_000,
  );

  const headers = [process.env.WHET_TEST_ONNXRUNTIME_INCLUDE, '/usr/include/onnxruntime', '/usr/local/include/onnxruntime'].find(
    (path) => path !== undefined && existsSync(join(path, 'onnxruntime_cxx_api.h')),
  );
  const library = join(
    dirname(fileURLToPath(import.meta.resolve('onnxruntime-node/package.json'))),
    'bin/napi-v6',
    process.platform,
    process.arch,
  );
  const compiler = spawnSync('g++', ['--version']).status === 0 && existsSync(join(library, 'libonnxruntime.so.1'));
  it.skipIf(headers === undefined || !compiler)(
    "in the page's C++ (skipped where there is no g++, or no onnxruntime_cxx_api.h in /usr/include or $WHET_TEST_ONNXRUNTIME_INCLUDE)",
    async () => {
      writeFileSync(join(folder, 'features.bin'), Buffer.from(set.features.buffer, set.features.byteOffset, set.features.byteLength));
      writeFileSync(join(folder, 'labels.bin'), Buffer.from(labels.buffer));
      writeFileSync(join(folder, 'train.cpp'), `${code('cpp')}${mainOf(set.count, set.width)}`);
      const options = ['-std=c++17', '-isystem', headers as string, 'train.cpp', join(library, 'libonnxruntime.so.1'), '-o', 'train'];
      execFileSync('g++', [...options, '-Wall', '-Wextra', '-Werror', `-Wl,-rpath,${library}`], { cwd: folder });
      execFileSync('./train', { cwd: folder });
      expect(await accuracyOf(readCarried(join(folder, 'cpp.bin')))).toBeGreaterThan(0.95);
    },
    60_000,
  );
});

describe('whet compile', () => {
  it('refuses to overwrite the model', async () => {
    const options = { model: objects, cut: { kind: 'layers', layers: 1 }, batch, optimizer: 'sgd', out: objects } as const;
    await expect(compile(options)).rejects.toMatchObject({ code: 'usage' });
  });

  it('writes nothing where the part cannot be trained', async () => {
    const out = join(folder, 'none.onnx');
    const options = { model: objects, cut: { kind: 'tensor', tensor: 'nowhere' }, batch, optimizer: 'sgd', out } as const;
    await expect(compile(options)).rejects.toMatchObject({ code: 'cut-impossible' });
    expect(existsSync(out)).toBe(false);
  });

  it('refuses a model whose card says that it is no classifier', async () => {
    const card = join(folder, 'quantity.json');
    writeFileSync(
      card,
      JSON.stringify({ ...JSON.parse(readFileSync(join(root, 'models/objects/model.json'), 'utf8')), task: 'regression' }),
    );
    const options = {
      model: objects,
      card,
      cut: { kind: 'layers', layers: 1 },
      batch,
      optimizer: 'sgd',
      out: join(folder, 'no.onnx'),
    } as const;
    await expect(compile(options)).rejects.toMatchObject({ code: 'model-unsupported', message: expect.stringContaining('whet compile') });
  });

  it('prints how to go on, or one JSON document', () => {
    const whet = (...more: readonly string[]) => {
      const args = [join(root, 'agent/main.ts'), 'compile', objects, '--optimizer', 'sgd', '--out', join(folder, 'cli.onnx'), ...more];
      return execFileSync(process.execPath, args, { encoding: 'utf8' });
    };
    expect(whet()).toMatch(/^wrote .*cli\.onnx[\s\S]*agent\/autodiff\/README\.md/m);
    const document = JSON.parse(whet('--json')) as CompileReport;
    expect(document.contract.optimizer).toMatchObject({ kind: 'sgd' });
    expect(document.parts).toBeNull();
    expect(readFileSync(document.step.file).length).toBe(document.step.bytes);
  });
});

/** The format of numpy.save, version 1.0. */
function npy(type: string, shape: readonly number[], data: Float32Array | BigInt64Array): Buffer {
  const text = `{'descr': ${type}, 'fortran_order': False, 'shape': (${shape.join(', ')},), }`;
  const header = text.padEnd(Math.ceil((10 + text.length + 1) / 64) * 64 - 11, ' ').concat('\n');
  const start = Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, header.length & 255, header.length >> 8]);
  return Buffer.concat([start, Buffer.from(header), Buffer.from(data.buffer, data.byteOffset, data.byteLength)]);
}

function mainOf(count: number, width: number): string {
  return `
int main() {
  std::vector<float> features(${count * width});
  std::vector<int64_t> labels(${count});
  std::ifstream("features.bin", std::ios::binary).read(reinterpret_cast<char*>(features.data()), features.size() * 4);
  std::ifstream("labels.bin", std::ios::binary).read(reinterpret_cast<char*>(labels.data()), labels.size() * 8);
  std::ofstream out("cpp.bin", std::ios::binary);
  for (auto& value : train(features, labels, ${epochs}, ${batch}, ${rate}f))
    out.write(reinterpret_cast<const char*>(value.GetTensorData<float>()), value.GetTensorTypeAndShapeInfo().GetElementCount() * 4);
}
`;
}
