// The training step of a model's last layers as files for other programs: one ONNX graph, its first weights, its contract; with `parts` also
// the frozen part and the tail's forward pass. Refuses what cannot be cut or trained, and to write over the model.
import { createHash } from 'node:crypto';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { replaceFile, requireWritable } from './adapt/output-file.ts';
import { type Contract, contractOf, withContract } from './autodiff/contract.ts';
import { plainLoss } from './autodiff/loss.ts';
import { adamW, type OptimizerOptions } from './autodiff/optimizers.ts';
import { compileStep, type StepOptions, type TrainingStep } from './autodiff/step.ts';
import { forwardModel } from './autodiff/trainable.ts';
import { findCard, loadCard } from './config/card.ts';
import { classNames } from './config/labels.ts';
import { requireClassifier } from './config/require-classifier.ts';
import { WhetError } from './errors.ts';
import { proofInputs } from './model/input.ts';
import { loadModel } from './model/load.ts';
import { type Classifier, openClassifier } from './model/open.ts';
import { prove } from './model/proof.ts';
import { encodeModel } from './onnx/codec/encode.ts';
import { encodeSafeTensors } from './onnx/codec/safetensors.ts';
import { sizeOf, type Tensor } from './onnx/ir.ts';
import { withClasses } from './onnx/surgery/classes.ts';
import { classifierEnds } from './onnx/surgery/classifier-ends.ts';
import type { CutWish } from './onnx/surgery/cut.ts';
import type { FloatTail } from './onnx/surgery/tail.ts';
import { inputRange, inputShape } from './preprocess/capture-input.ts';
import { createRuntime } from './runtime/runtime.ts';

export interface CompileOptions {
  /** Path of the ONNX classifier. */
  readonly model: string;
  readonly cut: CutWish;
  /** Samples in one step. */
  readonly batch: number;
  readonly optimizer: OptimizerOptions['kind'];
  /** A new last layer of so many classes that begins at zero; the model's own unless given. */
  readonly classes?: number;
  /** Model card; needed where the model leaves height or width free and none is beside it. */
  readonly card?: string;
  /** Path of the step; the other files stand beside it under the same stem. */
  readonly out: string;
  /** Also write the frozen part and the tail's forward pass. */
  readonly parts?: boolean;
}

export interface CompiledFile {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** `whet compile --json`. */
export interface CompileReport {
  readonly model: { readonly file: string; readonly sha256: string };
  readonly cut: { readonly tensor: string; readonly note: string | null };
  /** Numbers that are trained. */
  readonly parameters: number;
  readonly contract: Contract;
  readonly step: CompiledFile;
  /** First value of every input that is carried from call to call, by its name and in the order of the graph's inputs. */
  readonly weights: CompiledFile;
  readonly description: CompiledFile;
  /** Pictures → features, and features and weights → logits; null unless asked for. */
  readonly parts: { readonly backbone: CompiledFile; readonly forward: CompiledFile } | null;
}

const optimizers: Readonly<Record<OptimizerOptions['kind'], OptimizerOptions>> = {
  adamw: adamW,
  sgd: { kind: 'sgd', momentum: 0.9, decay: 0 },
};

export async function compile(options: CompileOptions): Promise<CompileReport> {
  const runtime = createRuntime();
  const paths = pathsOf(options);
  await requireWritable(options.out);
  const { model, sha256 } = loadModel(options.model);
  const card = options.card ?? (await findCard(options.model));
  const said = card === null ? null : await loadCard(card);
  if (said !== null) requireClassifier(said, options.model, 'whet compile');
  const known = said === null ? {} : { inputShape: inputShape(said.input) };
  const classifier = await openClassifier(model, { cut: options.cut, runtime, ...known });
  const made = said === null ? null : inputRange(said.input);
  await prove(model, classifier.cut, proofInputs(model, classifierEnds(model).input, classifier.input.shape, 2, made), runtime);
  if (said !== null) classNames(said.labels, classifier.classes);
  const tail = tailOf(classifier, options.classes);
  const wanted = stepOptions(options, tail, options.classes ?? classifier.classes);
  const step = compileStep(tail, wanted);
  const contract = contractOf(step, wanted);
  const bytes = encodeModel(withContract(step, contract));
  // Whoever trains with it later should not be the first to learn that the runtime cannot.
  await (await runtime.open(bytes, { label: 'the training step' })).close();
  const written = {
    step: await write(paths.step, bytes),
    weights: await write(paths.weights, encodeSafeTensors({ tensors: firstValues(step, tail), metadata: { model: sha256 } })),
    description: await write(paths.description, Buffer.from(`${JSON.stringify(contract, null, 2)}\n`)),
    parts:
      options.parts === true
        ? {
            backbone: await write(paths.backbone, classifier.backbone),
            forward: await write(paths.forward, encodeModel(forwardModel(tail))),
          }
        : null,
  };
  return {
    model: { file: options.model, sha256 },
    cut: { tensor: classifier.cut.tensor, note: classifier.cut.note },
    parameters: step.parameters.reduce((sum, { dims }) => sum + sizeOf(dims), 0),
    contract,
    ...written,
  };
}

function pathsOf({ model, out }: CompileOptions) {
  const beside = (ending: string) => join(dirname(out), `${basename(out, extname(out))}${ending}`);
  const paths = {
    step: out,
    weights: beside('.safetensors'),
    description: beside('.json'),
    backbone: beside('.backbone.onnx'),
    forward: beside('.forward.onnx'),
  };
  const all = Object.values(paths).map((path) => resolve(path));
  if (new Set(all).size < all.length || all.includes(resolve(model)))
    throw new WhetError('usage', `--out ${out} would overwrite the model, or the files that are written beside it`, {
      hint: 'Name a file of another name, ending in .onnx.',
    });
  return paths;
}

function tailOf({ tail, classes }: Classifier, wanted: number | undefined): FloatTail {
  return wanted === undefined || wanted === classes ? tail : withClasses(tail, Array(wanted).fill(null));
}

function stepOptions({ batch, optimizer }: CompileOptions, tail: FloatTail, classes: number): StepOptions {
  const kind = tail.activation === 'sigmoid' ? 'sigmoid' : 'softmax';
  return { batch, loss: { ...plainLoss(classes), kind }, optimizer: optimizers[optimizer] };
}

function firstValues({ parameters, state }: TrainingStep, tail: FloatTail): ReadonlyMap<string, Tensor> {
  return new Map([
    ...parameters.map(({ name, input }) => [input, tail.model.graph.initializers.get(name) as Tensor] as const),
    ...state.map(({ input, dims }) => [input, { dtype: 'float32', dims, data: new Float32Array(sizeOf(dims)) } as const] as const),
  ]);
}

async function write(file: string, bytes: Uint8Array): Promise<CompiledFile> {
  await replaceFile(file, bytes);
  return { file, bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
}
