// Small symmetric positive definite matrices, in double precision: their inverse, and systems solved with them.

/** Inverse of a symmetric positive definite matrix by Cholesky: A = LLᵀ, A⁻¹ = L⁻ᵀL⁻¹; null where it is not one. Overwrites its argument. */
export function invertPositive(a: Float64Array, size: number): Float64Array | null {
  for (let column = 0; column < size; column += 1) {
    for (let row = column; row < size; row += 1) {
      let sum = a[row * size + column]!;
      for (let k = 0; k < column; k += 1) sum -= a[row * size + k]! * a[column * size + k]!;
      if (row > column) a[row * size + column] = sum / a[column * size + column]!;
      else if (sum > 0) a[row * size + row] = Math.sqrt(sum);
      else return null;
    }
  }
  // L⁻¹ is kept transposed, in rows, so that every inner loop runs along memory.
  const inverse = new Float64Array(size * size);
  for (let column = 0; column < size; column += 1) {
    const at = column * size;
    inverse[at + column] = 1 / a[at + column]!;
    for (let row = column + 1; row < size; row += 1) {
      let sum = 0;
      for (let k = column; k < row; k += 1) sum -= a[row * size + k]! * inverse[at + k]!;
      inverse[at + row] = sum / a[row * size + row]!;
    }
  }
  for (let row = 0; row < size; row += 1) {
    for (let column = 0; column <= row; column += 1) {
      let sum = 0;
      for (let k = row; k < size; k += 1) sum += inverse[row * size + k]! * inverse[column * size + k]!;
      a[row * size + column] = sum;
    }
  }
  for (let row = 0; row < size; row += 1) for (let column = 0; column < row; column += 1) a[column * size + row] = a[row * size + column]!;
  return a;
}

/**
 * x of (A + shift·I) x = b for the columns of b, [size, columns], by Cholesky. A is [size, size]. null where the sum is not positive definite,
 * as sums in single precision may be by a rounding.
 */
export function solvePositive(a: Float32Array, size: number, shift: number, b: Float32Array, columns: number): Float32Array | null {
  const l = new Float64Array(size * size);
  for (let row = 0; row < size; row += 1) {
    for (let column = 0; column <= row; column += 1) {
      let sum = a[row * size + column]! + (row === column ? shift : 0);
      for (let k = 0; k < column; k += 1) sum -= l[row * size + k]! * l[column * size + k]!;
      if (row > column) l[row * size + column] = sum / l[column * size + column]!;
      else if (sum > 0) l[row * size + row] = Math.sqrt(sum);
      else return null;
    }
  }
  const x = Float64Array.from(b);
  for (let row = 0; row < size; row += 1) {
    for (let k = 0; k < row; k += 1) subtractRow(x, columns, row, k, l[row * size + k]!);
    for (let at = row * columns; at < (row + 1) * columns; at += 1) x[at]! /= l[row * size + row]!;
  }
  for (let row = size - 1; row >= 0; row -= 1) {
    for (let at = row * columns; at < (row + 1) * columns; at += 1) x[at]! /= l[row * size + row]!;
    for (let k = 0; k < row; k += 1) subtractRow(x, columns, k, row, l[row * size + k]!);
  }
  return Float32Array.from(x);
}

/** Row `to` less `factor` times row `from`. */
function subtractRow(x: Float64Array, columns: number, to: number, from: number, factor: number): void {
  for (let column = 0; column < columns; column += 1) x[to * columns + column]! -= factor * x[from * columns + column]!;
}
