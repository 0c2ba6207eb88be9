// ONNX bytes → Model. Refuses what is not ONNX, is truncated, or has no graph; reads external data through a function it is given.
import { fromBinary } from '@bufbuild/protobuf';
import { messageOf, WhetError } from '../../errors.ts';
import type { Attribute, Graph, Model, Node, Tensor, ValueInfo } from '../ir.ts';
import {
  type AttributeProto,
  type GraphProto,
  ModelProtoSchema,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from '../proto/onnx_pb.ts';
import { intAttribute, intsAttribute } from './int64.ts';
import { decodeTensor, dtypeOf, type ExternalData, externalPiece, noExternalData } from './tensor-codec.ts';

/** Decodes a model. Throws `model-unreadable` or `model-unsupported`, naming what is wrong. */
export function decodeModel(bytes: Uint8Array, external: ExternalData = noExternalData): Model {
  const proto = parse(bytes);
  if (proto.graph === undefined || proto.graph.node.length === 0) {
    throw new WhetError('model-unreadable', 'the file holds no graph', {
      hint: 'Is it an ONNX model? Check its size and where it came from.',
    });
  }
  if (proto.graph.node.length > mostNodes) throw tooManyNodes(proto.graph.node.length);
  external.claim(externalTensors(proto.graph).map(externalPiece));
  return {
    irVersion: versionOf('IR version', proto.irVersion),
    opsets: new Map(proto.opsetImport.map(({ domain, version }) => [domainOf(domain), versionOf(`opset of '${domain}'`, version)])),
    producer: [proto.producerName, proto.producerVersion].filter(Boolean).join(' '),
    metadata: new Map(proto.metadataProps.map((entry) => [entry.key, entry.value])),
    graph: decodeGraph(proto.graph, external),
    functions: proto.functions,
  };
}

function parse(bytes: Uint8Array) {
  try {
    return fromBinary(ModelProtoSchema, bytes);
  } catch (error) {
    throw new WhetError('model-unreadable', `the file is not an ONNX model or is truncated (${bytes.length} bytes): ${messageOf(error)}`, {
      hint: 'Check its size and sha256 against its source, and fetch it again.',
      cause: error,
    });
  }
}

/** The largest classifiers of the usual collections have some thousands; the runtime's own passes take seconds from here on. */
export const mostNodes = 20_000;

export function tooManyNodes(count: number): WhetError {
  return new WhetError('model-unsupported', `the model has ${count} nodes`, { hint: `Models of at most ${mostNodes} nodes are taken.` });
}

/** All tensors of a graph and the bodies in it whose bytes lie in other files. */
function externalTensors(graph: GraphProto): readonly TensorProto[] {
  const tensors = [...graph.initializer];
  for (const { attribute } of graph.node) {
    for (const { t, g } of attribute) {
      if (t !== undefined) tensors.push(t);
      if (g !== undefined) tensors.push(...externalTensors(g));
    }
  }
  return tensors.filter(({ dataLocation }) => dataLocation === 1);
}

/** Versions count releases; what is far from that was not written by an exporter. */
function versionOf(what: string, version: bigint): number {
  if (version >= 0n && version < 2n ** 31n) return Number(version);
  throw new WhetError('model-unreadable', `the ${what} is ${version}`, { hint: 'The file is damaged; fetch or export it again.' });
}

/** 'ai.onnx' is another spelling of the default domain. */
function domainOf(domain: string): string {
  return domain === 'ai.onnx' ? '' : domain;
}

function decodeGraph(proto: GraphProto, external: ExternalData): Graph {
  if (proto.sparseInitializer.length > 0) {
    throw new WhetError('model-unsupported', `the graph has ${proto.sparseInitializer.length} sparse initializers`, {
      hint: 'Export the model with dense weights.',
    });
  }
  const initializers = new Map<string, Tensor>(proto.initializer.map((tensor) => [tensor.name, decodeTensor(tensor, external)]));
  return {
    name: proto.name,
    nodes: proto.node.map((node) => decodeNode(node, external)),
    initializers,
    inputs: proto.input.filter((input) => !initializers.has(input.name)).map(decodeValueInfo),
    outputs: proto.output.map(decodeValueInfo),
    valueInfo: proto.valueInfo.map(decodeValueInfo),
  };
}

function decodeNode(proto: NodeProto, external: ExternalData): Node {
  return {
    op: proto.opType,
    domain: domainOf(proto.domain),
    name: proto.name,
    inputs: proto.input,
    outputs: proto.output,
    attributes: Object.fromEntries(proto.attribute.map((attribute) => [attribute.name, decodeAttribute(attribute, external)])),
  };
}

/** AttributeProto.type says which field is in use (1 float, 2 int, 3 string, 4 tensor, 5 graph, 6 floats, 7 ints, 8 strings). */
function decodeAttribute(proto: AttributeProto, external: ExternalData): Attribute {
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (proto.refAttrName !== '') return { kind: 'opaque', value: proto };
  switch (proto.type) {
    case 1:
      return { kind: 'float', value: proto.f };
    case 2:
      return intAttribute(proto.i);
    case 3:
      return { kind: 'string', value: text(proto.s) };
    case 4:
      return proto.t === undefined ? { kind: 'opaque', value: proto } : { kind: 'tensor', value: decodeTensor(proto.t, external) };
    case 5:
      return proto.g === undefined ? { kind: 'opaque', value: proto } : { kind: 'graph', value: decodeGraph(proto.g, external) };
    case 6:
      return { kind: 'floats', value: proto.floats };
    case 7:
      return intsAttribute(proto.ints);
    case 8:
      return { kind: 'strings', value: proto.strings.map(text) };
    default:
      return { kind: 'opaque', value: proto };
  }
}

function decodeValueInfo(proto: ValueInfoProto): ValueInfo {
  const tensor = proto.type?.tensorType;
  const shape = tensor?.shape?.dim.map(({ value }) => {
    if (value.case === 'dimValue') return dimOf(proto.name, value.value);
    return value.case === 'dimParam' && value.value !== '' ? value.value : null;
  });
  return { name: proto.name, dtype: tensor === undefined ? null : dtypeOf(tensor.elemType), shape: shape ?? null };
}

function dimOf(name: string, value: bigint): number {
  const dim = Number(value);
  if (Number.isSafeInteger(dim)) return dim;
  throw new WhetError('model-unreadable', `'${name}' has a dimension of ${value}`, { hint: 'The file is damaged; export it again.' });
}
