// float16 and bfloat16 ⇄ float32, as IEEE 754 says: to the nearest, ties to even. Values too large for the type become infinite.
const view = new DataView(new ArrayBuffer(4));

export function fromFloat16(bits: number): number {
  const sign = bits & 0x80_00 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3_ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

export function toFloat16(value: number): number {
  if (Number.isNaN(value)) return 0x7e_00;
  const sign = value < 0 || Object.is(value, -0) ? 0x80_00 : 0;
  const size = Math.abs(value);
  // Half of the last step above the largest finite value rounds up to infinity.
  if (size >= 65_520) return sign | 0x7c_00;
  if (size < 2 ** -14) return sign | roundToEven(size * 2 ** 24);
  const exponent = Math.floor(Math.log2(size));
  const at = size >= 2 ** (exponent + 1) ? exponent + 1 : size < 2 ** exponent ? exponent - 1 : exponent;
  // A fraction that rounds up to 1024 carries into the exponent, as it should.
  return sign | (((at + 15) << 10) + roundToEven((size / 2 ** at - 1) * 1024));
}

export function fromBfloat16(bits: number): number {
  view.setUint32(0, bits << 16);
  return view.getFloat32(0);
}

export function toBfloat16(value: number): number {
  if (Number.isNaN(value)) return 0x7f_c0;
  view.setFloat32(0, value);
  const bits = view.getUint32(0);
  return ((bits + 0x7f_ff + ((bits >>> 16) & 1)) >>> 16) & 0xff_ff;
}

export function roundToEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
