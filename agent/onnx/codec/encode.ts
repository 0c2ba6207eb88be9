// Model → ONNX bytes. Deterministic: the same records give the same bytes, so a hash names a model.
import { create, toBinary } from '@bufbuild/protobuf';
import type { Attribute, Graph, Model, Node, ValueInfo } from '../ir.ts';
import {
  type AttributeProto,
  AttributeProtoSchema,
  type FunctionProto,
  type GraphProto,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from '../proto/onnx_pb.ts';
import { int64s } from './int64.ts';
import { encodeTensor, numberOf } from './tensor-codec.ts';

export function encodeModel(model: Model): Uint8Array {
  const [producerName = '', ...rest] = model.producer.split(' ');
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: BigInt(model.irVersion),
      opsetImport: [...model.opsets].map(([domain, version]) => create(OperatorSetIdProtoSchema, { domain, version: BigInt(version) })),
      producerName,
      producerVersion: rest.join(' '),
      metadataProps: [...model.metadata].map(([key, value]) => create(StringStringEntryProtoSchema, { key, value })),
      graph: encodeGraph(model.graph, model.irVersion),
      functions: model.functions as FunctionProto[],
    }),
  );
}

function encodeGraph(graph: Graph, irVersion: number): GraphProto {
  // Before IR version 4 every initializer had to be listed among the inputs as well.
  const listed: ValueInfo[] =
    irVersion >= 4 ? [] : [...graph.initializers].map(([name, tensor]) => ({ name, dtype: tensor.dtype, shape: tensor.dims }));
  return create(GraphProtoSchema, {
    name: graph.name,
    node: graph.nodes.map((node) => encodeNode(node, irVersion)),
    initializer: [...graph.initializers].map(([name, tensor]) => encodeTensor(name, tensor)),
    input: [...graph.inputs, ...listed].map(encodeValueInfo),
    output: graph.outputs.map(encodeValueInfo),
    valueInfo: graph.valueInfo.map(encodeValueInfo),
  });
}

function encodeNode(node: Node, irVersion: number) {
  return create(NodeProtoSchema, {
    opType: node.op,
    domain: node.domain,
    name: node.name,
    input: [...node.inputs],
    output: [...node.outputs],
    attribute: Object.entries(node.attributes).map(([name, attribute]) => encodeAttribute(name, attribute, irVersion)),
  });
}

function encodeAttribute(name: string, attribute: Attribute, irVersion: number): AttributeProto {
  const bytes = (text: string) => new TextEncoder().encode(text);
  switch (attribute.kind) {
    case 'float':
      return create(AttributeProtoSchema, { name, type: 1, f: attribute.value });
    case 'int':
      return create(AttributeProtoSchema, { name, type: 2, i: int64s(attribute)[0] as bigint });
    case 'string':
      return create(AttributeProtoSchema, { name, type: 3, s: bytes(attribute.value) });
    case 'tensor':
      return create(AttributeProtoSchema, { name, type: 4, t: encodeTensor('', attribute.value) });
    case 'graph':
      return create(AttributeProtoSchema, { name, type: 5, g: encodeGraph(attribute.value, Math.max(irVersion, 4)) });
    case 'floats':
      return create(AttributeProtoSchema, { name, type: 6, floats: [...attribute.value] });
    case 'ints':
      return create(AttributeProtoSchema, { name, type: 7, ints: [...int64s(attribute)] });
    case 'strings':
      return create(AttributeProtoSchema, { name, type: 8, strings: attribute.value.map(bytes) });
    case 'opaque':
      return attribute.value as AttributeProto;
  }
}

function encodeValueInfo(info: ValueInfo): ValueInfoProto {
  if (info.dtype === null) return create(ValueInfoProtoSchema, { name: info.name });
  const dim = info.shape?.map((size) =>
    create(TensorShapeProto_DimensionSchema, {
      value:
        typeof size === 'number'
          ? { case: 'dimValue', value: BigInt(size) }
          : typeof size === 'string'
            ? { case: 'dimParam', value: size }
            : { case: undefined },
    }),
  );
  const tensorType = create(TypeProto_TensorSchema, {
    elemType: numberOf(info.dtype),
    ...(dim === undefined ? {} : { shape: create(TensorShapeProtoSchema, { dim }) }),
  });
  return create(ValueInfoProtoSchema, { name: info.name, type: create(TypeProtoSchema, { tensorType }) });
}
