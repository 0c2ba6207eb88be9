// The one input and the one output through which a model is adapted. Refuses (`model-unsupported`) what is no classifier of samples that
// whetstone can make, each with what can be done about it; changes nothing.
import { WhetError } from '../../errors.ts';
import type { DType, Model, ValueInfo } from '../ir.ts';

/** Types that a picture, a recording or readings can be turned into. */
const inputTypes: ReadonlySet<DType | null> = new Set<DType>(['float32', 'float16', 'float64', 'uint8', 'int8']);
const outputTypes: ReadonlySet<DType | null> = new Set<DType>(['float32', 'float16']);

export function classifierEnds(model: Model): { readonly input: ValueInfo; readonly output: ValueInfo } {
  const { inputs, outputs, nodes } = model.graph;
  const detector = nodes.find((node) => node.op === 'NonMaxSuppression' || node.op === 'RoiAlign');
  if (detector !== undefined)
    throw refuse(`is a detection model (it has a ${detector.op} node)`, 'Take a classification model: boxes cannot be trained here.');
  const [input, ...moreInputs] = inputs;
  const [output, ...moreOutputs] = outputs;
  const names = (infos: readonly ValueInfo[]) => infos.map(({ name }) => name).join(', ');
  if (input === undefined || output === undefined) throw refuse('has no input or no output', 'Export the model with its input and output.');
  if (moreInputs.length > 0)
    throw refuse(`has ${inputs.length} inputs (${names(inputs)})`, 'Export it with one input; others can be constants of the model.');
  if (moreOutputs.length > 0)
    throw refuse(
      `has ${outputs.length} outputs (${names(outputs)})`,
      `Say which one holds the scores: --output ${output.name}, for example.`,
    );
  if (!inputTypes.has(input.dtype))
    throw refuse(
      `takes ${input.dtype ?? 'something other than tensors'} in '${input.name}'`,
      'Models of pictures, sound and readings take float32, float16, uint8 or int8; tokens of a text and tables of words are not made here.',
    );
  if (!outputTypes.has(output.dtype))
    throw refuse(
      `gives ${output.dtype ?? 'something other than a tensor'} in '${output.name}'`,
      'Export it so that it gives the scores themselves, not the name or number of the best class.',
    );
  if (output.shape !== null && !isVector(output))
    throw refuse(
      `gives a tensor of ${output.shape.length} dimensions, [${output.shape.map((dim) => dim ?? '?').join(', ')}], in '${output.name}'`,
      'Scores of one sample are [batch, classes] or the same with ones behind; a map or a sequence of scores cannot be adapted.',
    );
  return { input, output };
}

/** The model with one of its outputs; the others stay computed and unread. Throws `usage` for an output that it does not have. */
export function withOutput(model: Model, name: string | undefined): Model {
  if (name === undefined) return model;
  const { outputs } = model.graph;
  const chosen = outputs.filter((output) => output.name === name);
  if (chosen.length === 1) return { ...model, graph: { ...model.graph, outputs: chosen } };
  throw new WhetError('usage', `the model has no output '${name}'`, {
    hint: `Its outputs: ${outputs.map((output) => output.name).join(', ')}.`,
  });
}

/** A changed model with the outputs that the whole one has, and the new shape of the changed one. */
export function withAllOutputs(changed: Model, whole: Model): Model {
  const own = new Map(changed.graph.outputs.map((output) => [output.name, output]));
  return { ...changed, graph: { ...changed.graph, outputs: whole.graph.outputs.map((output) => own.get(output.name) ?? output) } };
}

/** [batch], [batch, C], [batch, C, 1, 1], [batch, 1, 1, C]: one vector a sample. Sizes that are not known may be one. */
function isVector({ shape }: ValueInfo): boolean {
  const sizes = (shape ?? []).slice(1);
  return sizes.length <= 1 || sizes.filter((size) => size !== 1 && typeof size === 'number').length <= 1;
}

function refuse(what: string, hint: string): WhetError {
  return new WhetError(
    'model-unsupported',
    `the model ${what}; Whetstone adapts classifiers: one input, one float output [batch, classes]`,
    {
      hint,
    },
  );
}
